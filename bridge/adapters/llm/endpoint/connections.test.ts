import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../../../tests/support/manual-clock.ts";
import { EndpointConnections } from "./connections.ts";

const holder = { agentId: "mail-1", loop: "mail", epoch: 1 };

function world() {
  const clock = new ManualClock();
  const served: Socket[] = [];
  const limits = { served: 2, waiting: 2, total: 6 };
  const connections = new EndpointConnections(clock, (socket) => void served.push(socket), limits);
  const connect = (agentId = "mail-1") => {
    const socket = new PassThrough() as unknown as Socket;
    connections.accept(socket, { ...holder, agentId });
    return socket;
  };
  /** Begins a request on the connection. @returns a function that ends the request */
  const begin = (socket: Socket) => {
    const response = new PassThrough();
    connections.began({ socket } as IncomingMessage, response as unknown as ServerResponse);
    return async () => {
      response.destroy();
      await closed();
    };
  };
  const closed = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, served, connections, connect, begin, closed };
}

describe("an agent with more connections than are served at once", () => {
  test("gets a further one in place of one that is idle", async () => {
    const { served, connect, begin, closed } = world();
    const [busy, idle] = [connect(), connect()];
    begin(busy);
    const further = connect();
    await closed();
    expect(idle.destroyed).toBe(true);
    expect(busy.destroyed).toBe(false);
    expect(served).toEqual([busy, idle, further]);
  });

  test("waits while all are busy, and is served when one has its answer", async () => {
    const { served, connect, begin, closed } = world();
    const [first, second] = [connect(), connect()];
    const end = begin(first);
    begin(second);
    const further = connect();
    await closed();
    expect(served).toEqual([first, second]);
    await end();
    await closed();
    expect(served).toEqual([first, second, further]);
    expect(further.destroyed).toBe(false);
  });

  test("has a bound for those that wait, in number and in time", async () => {
    const { clock, connect, begin } = world();
    for (const socket of [connect(), connect()]) begin(socket);
    const waiting = [connect(), connect()];
    expect(connect().destroyed).toBe(true);
    expect(waiting.map(({ destroyed }) => destroyed)).toEqual([false, false]);
    clock.advance(60_000);
    expect(waiting.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  test("takes nothing from other agents but their part of the total", async () => {
    const { served, connect, begin } = world();
    for (const socket of [connect(), connect(), connect(), connect()]) begin(socket);
    const other = [connect("notes-1"), connect("notes-1")];
    expect(served.slice(-2)).toEqual(other);
    expect(connect("third-1").destroyed).toBe(true);
  });
});
