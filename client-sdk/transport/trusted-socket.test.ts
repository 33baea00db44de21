import { execFile } from "node:child_process";
import { chmodSync, chownSync, lchownSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { serveFixtures } from "../../tests/support/wire/serve.ts";
import { connect } from "../index.ts";
import { pathFault } from "./trusted-path.ts";

const isRoot = process.getuid?.() === 0;
const stranger = 65_534;
const python = join(import.meta.dirname, "../../clients/python");
const askPython = `import sys
from armorclaw import Client, ServerNotTrusted
try:
    with Client(sys.argv[1]) as bridge: print(bridge.call("ping"))
except ServerNotTrusted as error: print("SERVER_NOT_TRUSTED")`;

/** How each client answers: the SDK, and the one for Python. */
async function outcomes(socketPath: string): Promise<string[]> {
  const sdk = connect({ socketPath, reconnect: false }).then(
    async (client) => {
      await using open = client;
      return String(await open.call("ping"));
    },
    ({ code }) => String(code),
  );
  const run = promisify(execFile)("python3", ["-B", "-c", askPython, socketPath], { cwd: python });
  return [await sdk, (await run).stdout.trim()];
}

const good = ["pong", "pong"];
const refused = ["SERVER_NOT_TRUSTED", "SERVER_NOT_TRUSTED"];

describe("who may serve a socket", () => {
  test("every directory on the way is one that nobody else may write, unless it is sticky", async () => {
    await using served = await serveFixtures();
    using directory = tempDirectory();
    const [outer, inner] = [join(directory.path, "outer"), join(directory.path, "outer", "inner")];
    mkdirSync(inner, { recursive: true });
    const socket = join(inner, "bridge.sock");
    symlinkSync(served.path, socket);
    expect(await outcomes(socket)).toEqual(good);
    for (const [path, mode] of [
      [outer, 0o777],
      [inner, 0o777],
      [outer, 0o757],
    ] as const) {
      chmodSync(path, mode);
      expect([path, mode, await outcomes(socket)]).toEqual([path, mode, refused]);
      chmodSync(path, 0o1777);
      expect(await outcomes(socket)).toEqual(good);
      chmodSync(path, 0o755);
    }
    const loop = join(inner, "loop");
    symlinkSync(loop, loop);
    expect(pathFault(loop, [])?.reason).toContain("loop");
  });

  test("a socket, a link or a directory of another user is refused, wherever it is on the way", async () => {
    // Only root gives files to others.
    if (!isRoot) return;
    await using served = await serveFixtures();
    using directory = tempDirectory();
    const [open, own] = [join(directory.path, "open"), join(directory.path, "open", "armorclaw")];
    mkdirSync(own, { recursive: true });
    chmodSync(open, 0o1777);
    const socket = join(own, "bridge.sock");
    renameSync(served.path, socket);
    expect(await outcomes(socket)).toEqual(good);
    chownSync(socket, stranger, stranger);
    expect(await outcomes(socket)).toEqual(refused);
    await using named = await connect({ socketPath: socket, reconnect: false, serverUid: stranger });
    expect(await named.call("ping")).toBe("pong");
    await using unchecked = await connect({ socketPath: socket, reconnect: false, serverUid: "any" });
    expect(await unchecked.call("ping")).toBe("pong");
    chownSync(socket, 0, 0);
    chownSync(own, stranger, stranger);
    expect(await outcomes(socket)).toEqual(refused);
    chownSync(own, 0, 0);
    const link = join(open, "link");
    symlinkSync(own, link);
    expect(await outcomes(join(link, "bridge.sock"))).toEqual(good);
    lchownSync(link, stranger, stranger);
    expect(await outcomes(join(link, "bridge.sock"))).toEqual(refused);
    renameSync(socket, served.path);
  });

  test("nothing is sent to a server that is not trusted", async () => {
    using directory = tempDirectory();
    const open = join(directory.path, "open");
    mkdirSync(open);
    const socket = join(open, "bridge.sock");
    let received = 0;
    const server = createServer((peer) => peer.on("data", ({ length }) => (received += length)));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    chmodSync(open, 0o777);
    expect(await outcomes(socket)).toEqual(refused);
    expect(received).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });
});
