import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of its own, removed with all that is in it. The path is short: sockets stand in it. */
export function tempDirectory(parent = tmpdir()): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(parent, "ac-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
