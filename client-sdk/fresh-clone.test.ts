import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../tests/support/temp.ts";

const root = join(import.meta.dirname, "..");
const packages = ["protocol", "client-sdk"];

/** Copies the checked-in files of the packages, with installed dependencies and without a build. */
function cloneInto(directory: string): void {
  const tracked = execFileSync("git", ["ls-files", "tsconfig.base.json", ...packages], { cwd: root, encoding: "utf8" });
  for (const file of tracked.split("\n").filter((name) => name !== "")) cpSync(join(root, file), join(directory, file));
  const modules = join(directory, "node_modules");
  mkdirSync(join(modules, "@armorclaw"), { recursive: true });
  mkdirSync(join(modules, "@types"));
  for (const name of packages) symlinkSync(join(directory, name), join(modules, "@armorclaw", name));
  for (const name of ["zod", "json-rpc-2.0", "@types/node", "undici-types"])
    symlinkSync(join(root, "node_modules", name), join(modules, name));
}

test("a fresh clone imports the package after `npm ci` alone, in plain Node", () => {
  using temp = tempDirectory();
  cloneInto(temp.path);
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { prepare: string } };
  const step = /tsc -b client-sdk$/.exec(scripts.prepare)?.[0];
  expect(step).toBeDefined();
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-b", "client-sdk"], { cwd: temp.path });
  const program = `
    import { connect, BridgeError } from "@armorclaw/client-sdk";
    import { BridgeError as same } from "@armorclaw/protocol/errors";
    const refused = await connect({ socketPath: "/nowhere/bridge.sock", reconnect: false }).catch((error) => error.code);
    console.log(typeof connect, BridgeError === same, refused);`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: temp.path,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] },
  });
  expect(out).toBe("function true NOT_CONNECTED\n");
}, 60_000);
