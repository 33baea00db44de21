import { linkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { nodeBinary, program, startTestDaemon } from "../support/daemon.ts";
import { tempDirectory } from "../support/temp.ts";

/** Returns a command that starts the program under a Node that reports an older version. */
function olderNode(directory: string): [string, ...string[]] {
  const node = join(directory, "older-node");
  // Its different name distinguishes it from the clone's Node, which the program then starts.
  linkSync(nodeBinary, node);
  const preload = join(directory, "older.mjs");
  writeFileSync(
    preload,
    `if (process.execPath.endsWith("older-node")) Object.defineProperty(process.versions, "node", { value: "20.0.0" });`,
  );
  return [node, "--import", preload, program];
}

test.each(["SIGINT", "SIGTERM"] as const)(
  "under an older Node, %s to the program alone stops the bridge in an orderly way",
  async (signal) => {
    using directory = tempDirectory();
    await using daemon = await startTestDaemon({ command: olderNode(directory.path), engine: "process" });
    const { pid } = await daemon.client.bridge.status();
    expect(pid).not.toBe(daemon.pid);
    expect(await daemon.end(signal)).toMatchObject({ code: 0, signal: null });
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  },
  60_000,
);

test.each(["SIGQUIT", "SIGKILL"] as const)(
  "under an older Node, the program ends by the same %s that ended the bridge",
  async (signal) => {
    using directory = tempDirectory();
    await using daemon = await startTestDaemon({ command: olderNode(directory.path), engine: "process" });
    const { pid } = await daemon.client.bridge.status();
    process.kill(pid, signal);
    expect(await daemon.process.finished).toMatchObject({ code: null, signal });
  },
  60_000,
);
