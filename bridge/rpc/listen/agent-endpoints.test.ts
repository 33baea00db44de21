import { lstatSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { AgentId } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { until } from "../../../tests/support/until.ts";
import { fixture } from "../../../tests/support/wire/fixture-methods.ts";
import { WireClient } from "../../../tests/support/wire/wire-client.ts";
import { silentLogger } from "../../logging/index.ts";
import { systemClock } from "../../platform/clock.ts";
import { loadNativeCalls } from "../../platform/os/peer-credentials.ts";
import { createAgentEndpoints, createMethodTable, createRpcServer } from "../index.ts";

const anyone = { admits: async () => true, disconnected: () => undefined };

const agentId = "heartbeat-1" as AgentId;
const ownUid = process.getuid?.() ?? 0;

function endpoints(root: string) {
  const contract = { whoami: fixture(z.unknown()) };
  const table = createMethodTable(contract, { whoami: (_, call) => call.principal });
  const native = loadNativeCalls();
  const server = createRpcServer({ logger: silentLogger, clock: systemClock, hasHungUp: native?.hasHungUp });
  server.serve({ table });
  const port = createAgentEndpoints({ root, server, native, logger: silentLogger });
  return Object.assign(port, { server, [Symbol.asyncDispose]: () => server.close() });
}

describe("an agent's endpoint", () => {
  test("is a directory with the agent's own socket, and whoever connects is that agent", async () => {
    using directory = tempDirectory();
    await using port = endpoints(join(directory.path, "agents"));
    const endpoint = await port.open(agentId, 3, ownUid, anyone);
    expect(endpoint.directory).toBe(join(directory.path, "agents", "heartbeat-1.3"));
    expect(lstatSync(endpoint.directory).mode & 0o777).toBe(0o711);
    expect(readdirSync(endpoint.directory)).toEqual(["agent.sock"]);
    expect(lstatSync(endpoint.socketPath).mode & 0o777).toBe(0o600);
    await using client = await WireClient.open(endpoint.socketPath);
    expect((await client.call("whoami")).result).toEqual({
      kind: "agent",
      id: "agent:heartbeat-1",
      agentId,
      role: "agent",
    });
    await endpoint.close();
    await endpoint.close();
    await client.ended();
    expect(readdirSync(join(directory.path, "agents"))).toEqual([]);
  });

  test("uses the directory of an earlier run unchanged, and replaces the socket in it", async () => {
    using directory = tempDirectory();
    await using port = endpoints(directory.path.concat("/agents"));
    const before = await port.open(agentId, 1, ownUid, anyone);
    const { ino } = lstatSync(before.directory);
    const after = await port.open(agentId, 1, ownUid, anyone);
    expect(lstatSync(after.directory).ino).toBe(ino);
    await before.close();
    await using client = await WireClient.open(after.socketPath);
    expect((await client.call("whoami")).error).toBeUndefined();
    await after.close();
  });

  test("accepts two connections and refuses the third with the limit", async () => {
    using directory = tempDirectory();
    await using port = endpoints(join(directory.path, "agents"));
    const endpoint = await port.open(agentId, 1, ownUid, anyone);
    await using one = await WireClient.open(endpoint.socketPath);
    await using two = await WireClient.open(endpoint.socketPath);
    await one.call("whoami");
    await two.call("whoami");
    await using three = await WireClient.open(endpoint.socketPath);
    expect((await three.next()).error?.data.code).toBe("TOO_MANY_CONNECTIONS");
    await three.ended();
    expect((await one.call("whoami")).error).toBeUndefined();
    await endpoint.close();
  });

  test("belongs to the uid that the agent runs as, and no other uid can connect", async () => {
    using directory = tempDirectory();
    await using port = endpoints(join(directory.path, "agents"));
    const endpoint = await port.open(agentId, 1, 300_001, anyone);
    // Only root can change a socket's owner; a bridge that is not root is not the agent's uid either.
    if (ownUid === 0) expect(lstatSync(endpoint.socketPath).uid).toBe(300_001);
    await using client = await WireClient.open(endpoint.socketPath);
    expect((await client.next()).error?.data.code).toBe("UNAUTHENTICATED");
    await client.ended();
    await endpoint.close();
  });

  test("keeps a bounded number of connections whose uid is not yet known, the earliest first", async () => {
    using directory = tempDirectory();
    await using port = endpoints(join(directory.path, "agents"));
    const isKnown = Promise.withResolvers<void>();
    let asked = 0;
    const admits = async () => {
      const isFirst = ++asked === 1;
      await isKnown.promise;
      return isFirst;
    };
    const endpoint = await port.open(agentId, 1, ownUid, { ...anyone, admits });
    await using first = await WireClient.open(endpoint.socketPath);
    const knocks = Array.from({ length: 50 }, () =>
      connect(endpoint.socketPath)
        .on("error", () => undefined)
        .resume(),
    );
    await until("connections beyond the bound are closed", () => knocks.filter(({ closed }) => closed).length >= 35);
    for (const socket of knocks) socket.destroy();
    isKnown.resolve();
    expect((await first.call("whoami")).error).toBeUndefined();
    await endpoint.close();
  });

  test("refuses a symbolic link in the place of its directory", async () => {
    using directory = tempDirectory();
    const root = join(directory.path, "agents");
    mkdirSync(root, { mode: 0o711 });
    symlinkSync("/tmp", join(root, "heartbeat-1.1"));
    await using port = endpoints(root);
    await expect(port.open(agentId, 1, ownUid, anyone)).rejects.toMatchObject({ code: "RUNTIME_DIR_UNSAFE" });
  });

  test("refuses a path that does not fit", async () => {
    await using port = endpoints(`/tmp/${"x".repeat(90)}`);
    await expect(port.open(agentId, 1, ownUid, anyone)).rejects.toMatchObject({ code: "SOCKET_PATH_TOO_LONG" });
  });
});
