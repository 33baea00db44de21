import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type BridgeClient, connect } from "@armorclaw/client-sdk";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { run, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { expectSealedTraffic } from "../support/wire/sealed-traffic.ts";
import { WireClient } from "../support/wire/wire-client.ts";

const sealKey = new Uint8Array(32).fill(42);

describe("the bridge's own socket, sealed", () => {
  const directory = tempDirectory();
  const file = join(directory.path, "seal.key");
  let daemon: TestDaemon;

  beforeAll(async () => {
    writeFileSync(file, `${Buffer.from(sealKey).toString("base64")}\n`, { mode: 0o600 });
    daemon = await startTestDaemon({ engine: "process", start: ["heartbeat"], seal: { file, key: sealKey } });
  }, 60_000);

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });

  const open = (how: { readonly socketPath?: string; readonly sealKey?: Uint8Array }): Promise<BridgeClient> =>
    connect({ socketPath: daemon.socket, reconnect: false, sealKey, ...how });

  test("serves calls, long ones and many at once, and events", async () => {
    await using client = await open({});
    await expectSealedTraffic(client, 500);
  });

  test("a bridge does not start with a key file that others may read", async () => {
    const open = join(directory.path, "open.key");
    writeFileSync(open, Buffer.from(sealKey).toString("base64"), { mode: 0o644 });
    const places = ["--runtime-dir", join(directory.path, "r2"), "--state-dir", join(directory.path, "s2")];
    const { code, stderr } = await run(["run", ...places, "--set", `rpc.seal_key_file=${open}`]).finished;
    expect(code).not.toBe(0);
    expect(stderr).toContain("chmod 600");
  });

  test("admits the command line with the key file of the environment or of the configuration", async () => {
    const status = await daemon.cli(["status", "--json"]);
    expect(JSON.parse(status.stdout)).toMatchObject({ socket: daemon.socket, state: "running" });
    const config = join(directory.path, "config.toml");
    writeFileSync(config, `[rpc]\nseal_key_file = "${file}"\n`);
    const env = { ARMORCLAW_SOCKET: daemon.socket };
    const configured = await run(["status", "--json"], { ...env, ARMORCLAW_CONFIG: config }).finished;
    expect(JSON.parse(configured.stdout)).toMatchObject({ state: "running" });
    const without = await run(["status"], env).finished;
    expect(without.code).not.toBe(0);
    expect(without.stderr).toContain("rpc.seal_key_file");
  });

  test("does not change the agents' own sockets", async () => {
    await until("the agent", async () => {
      const { agents } = await daemon.client.agent.list();
      return agents.some(({ state }) => state === "running");
    });
  });

  test("answers a peer that does not seal with an error, also in HTTP, and runs none of its calls", async () => {
    await using peer = await WireClient.open(daemon.socket);
    peer.send('{"jsonrpc":"2.0","id":1,"method":"bridge.shutdown"}');
    await until("the refusal", () => peer.lines.length > 0);
    expect(JSON.parse(peer.lines[0] ?? "")).toMatchObject({
      error: { message: expect.stringContaining("rpc.seal_key_file"), data: { code: "UNAUTHENTICATED" } },
    });
    const answer = await new Promise<string>((resolve) => {
      const args = ["-sS", "-i", "--unix-socket", daemon.socket, "http://bridge/health"];
      execFile("curl", args, (_, stdout) => resolve(stdout));
    });
    expect(answer).toContain("401 Unauthorized");
    expect(answer).toContain("rpc.seal_key_file");
    expect((await daemon.client.bridge.status()).state).toBe("running");
  });

  test("refuses a peer that seals under another key, and the client reports that when it connects", async () => {
    await expect(open({ sealKey: new Uint8Array(32).fill(1) })).rejects.toThrow("No bridge answers");
    await until("the log", () => daemon.process.output.stderr.includes("A sealed connection was closed"));
  });

  test("a client that seals refuses a bridge that does not", async () => {
    await using plain = await startTestDaemon({ engine: "process" });
    await expect(open({ socketPath: plain.socket })).rejects.toThrow("does not seal");
  }, 60_000);

  test("closes a connection when a line exceeds its bound", async () => {
    await using peer = await WireClient.open(daemon.socket);
    peer.send(JSON.stringify({ armorclaw_seal_v1: Buffer.alloc(32).toString("base64") }));
    await peer.until(() => peer.lines.length > 0, "the greeting");
    peer.socket.write("A".repeat(24 * 1024 * 1024));
    await peer.ended();
    await until("the log", () => daemon.process.output.stderr.includes("A sealed line is longer"));
  });

  /** Forwards lines between a client and the bridge, like an attacker on the path. */
  async function between(
    name: string,
    toBridge: (line: string, index: number) => readonly string[],
    back: (bridge: Socket, line: string, index: number) => void = () => undefined,
  ) {
    const socketPath = join(directory.path, name);
    const seen: string[] = [];
    const server = createServer((client) => {
      const bridge = createConnection(daemon.socket);
      // A line reader repeats its socket's errors: either end may close while data is still written to it.
      const [fromClient, fromBridge] = [client, bridge].map((socket) => {
        socket.on("error", () => undefined);
        return createInterface(socket).on("error", () => undefined);
      });
      let sent = 0;
      let received = 0;
      fromClient?.on("line", (line) => {
        seen.push(line);
        for (const own of toBridge(line, sent++)) bridge.write(`${own}\n`);
      });
      fromBridge?.on("line", (line) => {
        back(bridge, line, received++);
        if (!client.destroyed) client.write(`${line}\n`);
      });
      bridge.on("close", () => client.destroy());
      client.on("close", () => bridge.destroy());
    });
    server.listen(socketPath);
    await once(server, "listening");
    return { socketPath, seen, [Symbol.dispose]: () => void server.close() };
  }

  const publish = (client: BridgeClient) =>
    client.call("event.publish", { channel: "sealed.attack", type: "sealed.told", data: {} });
  const published = async () => {
    const { events } = await daemon.client.event.history({ channels: ["sealed.attack"] });
    return events.length;
  };
  const ended = (client: BridgeClient) =>
    until("the end", async () => (await client.call("rpc.ping").catch(() => "ended")) === "ended");

  test("shows an interceptor no plain text, and runs a call once that is sent twice", async () => {
    // The greeting and the first ping are sent before.
    using middle = await between("twice", (line, index) => (index === 2 ? [line, line] : [line]));
    await using client = await open({ socketPath: middle.socketPath });
    const before = await published();
    await publish(client).catch(() => undefined);
    await ended(client);
    expect((await published()) - before).toBe(1);
    expect(middle.seen.join()).not.toMatch(/sealed\.attack|jsonrpc/);
  });

  test.each<[string, (line: string) => readonly string[]]>([
    ["changed", (line) => [`${line.startsWith("A") ? "B" : "A"}${line.slice(1)}`]],
    ["cut short", (line) => [line.slice(0, -8)]],
    ["put in plain text", () => ['{"jsonrpc":"2.0","id":9,"method":"event.publish"}']],
  ])("runs no call that was %s", async (what, attack) => {
    using middle = await between(what, (line, index) => (index === 2 ? attack(line) : [line]));
    await using client = await open({ socketPath: middle.socketPath });
    const before = await published();
    await expect(publish(client)).rejects.toThrow();
    expect(await published()).toBe(before);
  });

  test.each<[string, (lines: readonly string[]) => readonly string[]]>([
    ["come in another order", (lines) => lines.toReversed()],
    ["come after one that was cut out", (lines) => lines.slice(1)],
  ])("runs no calls that %s", async (what, attack) => {
    const held: string[] = [];
    using middle = await between(what.slice(0, 12), (line, index) => {
      if (index < 2) return [line];
      held.push(line);
      return held.length === 2 ? attack(held) : [];
    });
    await using client = await open({ socketPath: middle.socketPath });
    const before = await published();
    const both = await Promise.allSettled([publish(client), publish(client)]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await published()).toBe(before);
  });

  test("closes a connection on which the bridge's own messages are sent back", async () => {
    using middle = await between(
      "back",
      (line) => [line],
      (bridge, line, index) => {
        if (index === 2) bridge.write(`${line}\n`);
      },
    );
    await using client = await open({ socketPath: middle.socketPath });
    await publish(client);
    await ended(client);
  });

  test("runs no call of a connection that is replayed as a whole", async () => {
    using middle = await between("recorded", (line) => [line]);
    await using client = await open({ socketPath: middle.socketPath });
    await publish(client);
    const before = await published();
    await using replay = await WireClient.open(daemon.socket);
    for (const line of middle.seen) replay.send(line);
    await replay.ended();
    expect(replay.lines).toHaveLength(1);
    expect(await published()).toBe(before);
  });
});
