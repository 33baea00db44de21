import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type BridgeClient, connect } from "@armorclaw/client-sdk";
import { pipeTokenFile } from "@armorclaw/protocol/pipe";
import { clientSocketPaths } from "../../bridge/config/index.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire/wire-client.ts";
import type { Checks } from "./checks.ts";
import { hasSaid, type Program, start } from "./programs.ts";

/** The default path of the bridge and of clients. */
const [pipe = ""] = clientSocketPaths(process.env, undefined, "win32");
const tokenFile = join(homedir(), pipeTokenFile(pipe));
const tokenNow = () => readFileSync(tokenFile, "utf8");

async function startBridge(): Promise<Program> {
  const bridge = start("armorclaw.mjs", ["run", "--set", "agents.start="]);
  await hasSaid(bridge, "is running");
  return bridge;
}

/** The real bridge with its defaults, and its command line. */
export async function bridgeChecks(checks: Checks): Promise<void> {
  const bridges: Program[] = [];
  try {
    await checks.check("the bridge starts, and serves the pipe that clients look for", async () => {
      const bridge = await startBridge();
      bridges.push(bridge);
      assert(bridge.output.text.includes(pipe), bridge.output.text);
      assert.match(bridge.output.text, /only who can read your profile can connect/);
    });
    await using client = await connect({ socketPath: pipe });
    await admissionChecks(checks, client);
    await domainChecks(checks, client);
    await checks.check(
      "a bridge that is killed leaves the pipe to the next, and the client comes back with the new token",
      async () => {
        const token = tokenNow();
        const { pid } = await client.bridge.status();
        bridges[0]?.child.kill();
        await bridges[0]?.ended;
        bridges.push(await startBridge());
        const back = await until("the client's return", () => client.bridge.status().catch(() => undefined));
        assert.notEqual(back.pid, pid);
        assert.notEqual(tokenNow(), token);
      },
    );
    await checks.check("an orderly stop ends with 0 and takes the token away", async () => {
      await client.bridge.shutdown();
      assert.equal(await bridges[1]?.ended, 0);
      assert.equal(existsSync(tokenFile), false);
    });
    await checks.check("a sealed pipe serves who has the key and the token, and nobody without the key", () =>
      sealedPipe(bridges),
    );
    await checks.check(
      "without a bridge the command line ends with 5, and doctor says what is the matter",
      async () => {
        const [status, doctor] = [start("armorclaw.mjs", ["status"]), start("armorclaw.mjs", ["doctor"])];
        assert.equal(await status.ended, 5, status.output.text);
        assert.equal(await doctor.ended, 1, doctor.output.text);
        assert.match(doctor.output.text, /No bridge listens at/);
        assert.match(doctor.output.text, /Agents cannot run on Windows/);
      },
    );
  } finally {
    for (const { child } of bridges) child.kill();
  }
}

async function sealedPipe(bridges: Program[]): Promise<void> {
  const sealKey = Buffer.alloc(32, 9);
  const file = join(homedir(), "seal.key");
  writeFileSync(file, sealKey.toString("hex"), { mode: 0o600 });
  const env = { ARMORCLAW_RPC_SEAL_KEY_FILE: file };
  const bridge = start("armorclaw.mjs", ["run", "--set", "agents.start="], env);
  bridges.push(bridge);
  await hasSaid(bridge, "is running");
  await using client = await connect({ socketPath: pipe, sealKey });
  assert.equal((await client.bridge.status()).state, "running");
  const status = start("armorclaw.mjs", ["status", "--json"], env);
  assert.equal(await status.ended, 0, status.output.text);
  const said = await firstLine('{"jsonrpc":"2.0","id":1,"method":"rpc.ping"}');
  assert.match(said, /rpc\.seal_key_file/);
  await assert.rejects(
    connect({ socketPath: pipe, reconnect: false, sealKey: Buffer.alloc(32, 1) }),
    /No bridge answers/,
  );
  await client.bridge.shutdown();
  assert.equal(await bridge.ended, 0, bridge.output.text);
}

/** Returns the answer to a raw peer's first line, up to the end of its connection. */
async function firstLine(line: string): Promise<string> {
  await using peer = await WireClient.open(pipe);
  peer.send(line);
  await peer.ended();
  return peer.lines.join("\n");
}

async function admissionChecks(checks: Checks, client: BridgeClient): Promise<void> {
  await checks.check("the SDK gets in with the token that it finds in the profile, as the user", async () => {
    assert.deepEqual(await client.call("rpc.authenticate", { token: tokenNow() }), {
      principal: "user:0",
      role: "admin",
    });
    const status = await client.bridge.status();
    assert.equal(status.socket, pipe);
    assert.equal(status.peer_credentials, "unavailable");
  });
  await checks.check("a peer that shows no token is told so, and nothing of it is run", async () => {
    const said = await firstLine('{"jsonrpc":"2.0","id":1,"method":"bridge.shutdown"}');
    assert.match(said, /^\{[^\n]*UNAUTHENTICATED[^\n]*\}$/);
    assert.equal((await client.bridge.status()).state, "running");
  });
  await checks.check("a peer with a wrong token is refused, however often, and others are let in", async () => {
    for (let tries = 0; tries < 5; tries += 1) {
      const said = await firstLine('{"jsonrpc":"2.0","id":7,"method":"rpc.authenticate","params":{"token":"wrong"}}');
      assert.match(said, /^\{"jsonrpc":"2.0","id":7,[^\n]*UNAUTHENTICATED[^\n]*\}$/);
    }
    await using another = await connect({ socketPath: pipe });
    assert.deepEqual(await another.call("rpc.ping"), { pong: true });
  });
  await checks.check("what follows the token in one write is served", async () => {
    await using peer = await WireClient.open(pipe);
    const authenticate = { jsonrpc: "2.0", id: 1, method: "rpc.authenticate", params: { token: tokenNow() } };
    peer.send(`${JSON.stringify(authenticate)}\n{"jsonrpc":"2.0","id":2,"method":"rpc.ping"}`);
    const lines = await until("both answers", () => (peer.lines.length === 2 ? peer.lines : undefined));
    assert.deepEqual(JSON.parse(lines[1] ?? ""), { jsonrpc: "2.0", id: 2, result: { pong: true } });
  });
  await checks.check("a second bridge on the same pipe is refused with 6, though its state is its own", async () => {
    const second = start("armorclaw.mjs", ["run", "--state-dir", join(homedir(), "second")]);
    assert.equal(await second.ended, 6, second.output.text);
    assert.match(second.output.text, /Another bridge uses/);
    assert.equal((await client.bridge.status()).state, "running");
  });
}

async function domainChecks(checks: Checks, client: BridgeClient): Promise<void> {
  await checks.check("the keystore seals a key and shows it again", async () => {
    await client.call("keystore.store", { provider: "openai", token: "sk-proj-0123456789" });
    assert.equal((await client.keystore.status()).state, "unlocked");
    assert.deepEqual(
      (await client.keystore.list()).map(({ id }) => id),
      ["openai"],
    );
  });
  await checks.check("an agent is refused with the reason, and the event of it comes to a subscriber", async () => {
    await using events = client.subscribe({ channels: ["agent.>"] });
    await events.ready;
    await assert.rejects(client.agent.start({ agent_type: "heartbeat" }), /agents do not run on Windows/);
    for await (const event of events) {
      assert.equal(event.type, "agent.failed");
      assert.match(String(event.data["message"]), /agents do not run on Windows/);
      break;
    }
  });
  await checks.check("the command line finds the bridge and its token by itself", async () => {
    const status = start("armorclaw.mjs", ["status", "--json"]);
    assert.equal(await status.ended, 0, status.output.text);
    assert.equal(JSON.parse(status.output.text).socket, pipe);
  });
}
