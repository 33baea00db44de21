import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory, which is removed with its contents. The path is short, because it contains sockets. */
export function tempDirectory(parent = tmpdir()): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(parent, "ac-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
