import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { describeIf } from "../../../tests/support/machine/require-part.ts";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { WireClient } from "../../../tests/support/wire/wire-client.ts";
import { silentLogger } from "../../logging/index.ts";
import { systemClock } from "../../platform/clock.ts";
import { loadNativeCalls } from "../../platform/os/peer-credentials.ts";
import {
  builtinHandlers,
  builtinMethods,
  type ControlListenerOptions,
  createControlListener,
  createMethodTable,
  createRpcServer,
} from "../index.ts";

const native = loadNativeCalls();
const isRoot = process.getuid?.() === 0;

function listenerAt(path: string, options: Partial<ControlListenerOptions> = {}) {
  const table = createMethodTable(builtinMethods, builtinHandlers("0.0.0", builtinMethods));
  const server = createRpcServer({ logger: silentLogger, clock: systemClock, hasHungUp: native?.hasHungUp });
  server.serve({ table });
  const listener = createControlListener({ path, server, native, logger: silentLogger, ...options });
  return Object.assign(listener, {
    async [Symbol.asyncDispose]() {
      await listener.stop();
      await server.close();
    },
  });
}

async function ping(path: string): Promise<unknown> {
  await using client = await WireClient.open(path);
  return (await client.call("rpc.ping")).result;
}

describe("the control listener", () => {
  test("creates a private directory and a socket that is 0600 from its first instant, and removes socket and lock", async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "run", "bridge.sock");
    await using listener = listenerAt(path);
    await listener.start();
    expect(lstatSync(join(directory.path, "run")).mode & 0o777).toBe(0o700);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(await ping(path)).toEqual({ pong: true });
    await listener.stop();
    await listener.stop();
    expect(readdirSync(join(directory.path, "run"))).toEqual([]);
  });

  test("answers connected peers after it has stopped listening", async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "bridge.sock");
    await using listener = listenerAt(path);
    await listener.start();
    await using client = await WireClient.open(path);
    await client.call("rpc.ping");
    await listener.drain?.(AbortSignal.timeout(1_000));
    expect((await client.call("rpc.ping")).result).toEqual({ pong: true });
    await expect(WireClient.open(path)).rejects.toThrow("ENOENT");
  });

  test("refuses a second bridge, because of the lock and because the first one answers", async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "bridge.sock");
    await using first = listenerAt(path);
    await first.start();
    await using locked = listenerAt(path);
    await expect(locked.start()).rejects.toMatchObject({ code: "ALREADY_RUNNING" });
    await using unlocked = listenerAt(path, { native: undefined });
    await expect(unlocked.start()).rejects.toMatchObject({ code: "ALREADY_RUNNING" });
    expect(await ping(path)).toEqual({ pong: true });
  });

  test("lets exactly one of two concurrent starts succeed", async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "bridge.sock");
    await using one = listenerAt(path);
    await using other = listenerAt(path);
    const outcomes = await Promise.allSettled([one.start(), other.start()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await ping(path)).toEqual({ pong: true });
  });

  test("takes over the socket of a bridge that was killed", async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "bridge.sock");
    const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    await once(spawn(process.execPath, ["-e", script]), "exit");
    expect(lstatSync(path).isSocket()).toBe(true);
    await using listener = listenerAt(path);
    await listener.start();
    expect(await ping(path)).toEqual({ pong: true });
  });

  test("leaves a successor's socket alone when it stops", async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "bridge.sock");
    await using old = listenerAt(path, { directory: "given" });
    await old.start();
    writeFileSync(join(directory.path, "other"), "");
    const { renameSync } = await import("node:fs");
    renameSync(join(directory.path, "other"), path);
    await old.stop();
    expect(lstatSync(path).isFile()).toBe(true);
  });

  test.each([
    ["a symbolic link", (path: string) => symlinkSync("/tmp", path)],
    ["a file", (path: string) => writeFileSync(path, "")],
    ["a directory that others may enter", (path: string) => mkdirSync(path, { mode: 0o755 })],
  ])("refuses %s as its directory", async (_, make) => {
    using directory = tempDirectory();
    const run = join(directory.path, "run");
    make(run);
    await using listener = listenerAt(join(run, "bridge.sock"));
    await expect(listener.start()).rejects.toMatchObject({ code: "RUNTIME_DIR_UNSAFE" });
  });

  test("refuses a path that does not fit in a socket address", async () => {
    await using listener = listenerAt(`/tmp/${"x".repeat(110)}/bridge.sock`);
    await expect(listener.start()).rejects.toMatchObject({ code: "SOCKET_PATH_TOO_LONG" });
  });

  test("does not replace the socket of a server of another kind that answers", async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "bridge.sock");
    const other = createServer((socket) => socket.end()).listen(path);
    await once(other, "listening");
    await using listener = listenerAt(path);
    await expect(listener.start()).rejects.toMatchObject({ code: "ALREADY_RUNNING" });
    other.close();
  });
});

describeIf(isRoot && native !== undefined, "it takes root to connect as another user", "another user", () => {
  test("refuses another user even where the socket's mode admits that user", async () => {
    using directory = tempDirectory();
    chmodSync(directory.path, 0o755);
    const path = join(directory.path, "bridge.sock");
    await using listener = listenerAt(path, { directory: "given" });
    await listener.start();
    chmodSync(path, 0o666);
    const script = `require("node:net").connect(${JSON.stringify(path)}).on("data", (d) => process.stdout.write(d)).on("error", () => {})`;
    const child = spawn(process.execPath, ["-e", script], { uid: 65_534, gid: 65_534, cwd: "/" });
    let said = "";
    child.stdout.on("data", (data) => {
      said += data;
    });
    await once(child, "close");
    expect(JSON.parse(said)).toMatchObject({ id: null, error: { data: { code: "UNAUTHENTICATED" } } });
    expect(said.split("\n")).toHaveLength(2);
    expect(listener.unauthenticated).toBe(1);
    expect(await ping(path)).toEqual({ pong: true });
  });
});
