import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { nodeBinary, program, repositoryRoot, startTestDaemon } from "../support/daemon.ts";
import { hasBubblewrap } from "../support/engines/engines.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";

/** The bridge of this repository with a separate entry, which has a separate cache. */
function treeWithoutCache(parent: string) {
  const root = join(parent, "tree");
  const place = join(root, "node_modules/.cache");
  mkdirSync(join(root, "bin"), { recursive: true });
  mkdirSync(place, { recursive: true });
  cpSync(dirname(program), join(root, "bin"), { recursive: true });
  symlinkSync(join(repositoryRoot, "bridge"), join(root, "bridge"));
  const cache = join(place, "armorclaw");
  return { cache, command: [nodeBinary, join(root, "bin/armorclaw.mjs")] };
}

const filesIn = (cache: string): string[] =>
  readdirSync(cache, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Starts a bridge, kills it as soon as it serves, and counts its reads and writes of the cache. */
async function startAndKill(command: readonly string[]) {
  using directory = tempDirectory();
  // The output goes to a file, because node drops its own messages that a pipe does not accept at once.
  const log = join(directory.path, "stderr");
  const intoFile = ["sh", "-c", 'exec "$@" 2>"$0"', log, ...command] as [string, ...string[]];
  const env = { NODE_DEBUG_NATIVE: "COMPILE_CACHE" };
  await using daemon = await startTestDaemon({ command: intoFile, engine: "process", env });
  expect((await daemon.client.bridge.status()).state).toBe("running");
  await daemon.end("SIGKILL");
  const said = readFileSync(log, "utf8");
  const count = (pattern: RegExp) => said.match(pattern)?.length ?? 0;
  return {
    read: count(/reading cache from .*\bsuccess\b/g),
    written: count(/Renaming .*\bsuccess\b/g),
  };
}

/** The damage to a file by a crash, a full disk or a bad sector. */
const damages: readonly ((bytes: Buffer) => Buffer)[] = [
  () => Buffer.alloc(0),
  (bytes) => bytes.subarray(0, bytes.length / 2),
  (bytes) => Buffer.from(bytes.map((byte) => byte ^ 0xff)),
  (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([~(bytes.at(-1) ?? 0)])]),
];

// With more cached modules than this a bridge runs on the cache of an earlier start; it never loads fewer modules.
const many = 300;

test("a killed bridge has stored its compiled code, and a start survives and repairs a damaged cache", async () => {
  using directory = tempDirectory();
  const { cache, command } = treeWithoutCache(directory.path);
  const first = await startAndKill(command);
  expect(first.read).toBe(0);
  expect(first.written).toBeGreaterThan(many);
  expect(filesIn(cache).length).toBe(first.written);
  expect((await startAndKill(command)).read).toBeGreaterThan(many);

  filesIn(cache).forEach((file, index) => {
    writeFileSync(file, damages[index % damages.length]?.(readFileSync(file)) ?? "");
  });
  expect((await startAndKill(command)).read).toBe(0);
  expect((await startAndKill(command)).read).toBeGreaterThan(many);
}, 60_000);

test("a bridge starts where no cache can be stored", async () => {
  using directory = tempDirectory();
  const { cache, command } = treeWithoutCache(directory.path);
  writeFileSync(cache, "not a directory");
  expect(await startAndKill(command)).toEqual({ read: 0, written: 0 });
}, 60_000);

describeIf(hasBubblewrap(), "bubblewrap is not installed", "a cache that is read-only", () => {
  test("is read and left unchanged", async () => {
    using directory = tempDirectory();
    const { cache, command } = treeWithoutCache(directory.path);
    await startAndKill(command);
    const kept = filesIn(cache);
    writeFileSync(kept[0] ?? "", "damaged");
    const readOnly = ["--dev-bind", "/", "/", "--ro-bind", cache, cache, "--die-with-parent"];
    const { read, written } = await startAndKill(["bwrap", ...readOnly, ...command]);
    expect({ read, written }).toEqual({ read: expect.any(Number), written: 0 });
    expect(read).toBeGreaterThan(many);
    expect(filesIn(cache)).toEqual(kept);
    expect(readFileSync(kept[0] ?? "", "utf8")).toBe("damaged");
  }, 60_000);
});
