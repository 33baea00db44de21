import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { runLine, testIo } from "../../../tests/support/cli-io.ts";
import { LineServer, until } from "../../../tests/support/wire/line-server.ts";

let server: LineServer;
beforeEach(async () => {
  server = await LineServer.open();
});
afterEach(() => server[Symbol.asyncDispose]());
const person = () => testIo({ socket: server.path });

/** Returns the value of this key in each line of JSON. */
const inEachLine = (out: string, key: string) =>
  out
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text)[key]);

const event = (seq: number) => ({
  id: `e${seq}`,
  seq,
  channel: "agent.a.heartbeat",
  type: "agent.heartbeat",
  source: "agent:a",
  time: "2026-11-21T08:00:00.000Z",
  priority: "low",
  data: { seq },
});
const push = (seq: number) =>
  server.broadcast({ jsonrpc: "2.0", method: "event.push", params: { subscription_id: "s1", event: event(seq) } });

describe("events --follow", () => {
  const subscribed = () => {
    server.handler = ({ method }) =>
      method === "event.subscribe" ? { subscription_id: "s1", cursor: 0, cursor_reset: false } : { ok: true };
  };

  test("prints events as they arrive, goes on after a restart of the bridge, and ends with 130 at Ctrl-C", async () => {
    subscribed();
    const io = person();
    const running = runLine("events -f --channel agent.> --type agent.heartbeat --json", io);
    await until(() => io.errorText().includes("Connected"), "the notice");
    expect(server.of("event.subscribe")[0]?.params).toMatchObject({
      channels: ["agent.>"],
      filter: { types: ["agent.heartbeat"] },
    });
    push(1);
    await until(() => io.outText().includes('"e1"'), "the first event");
    await server.stop();
    await until(() => io.errorText().includes("connection to the bridge was lost"), "the notice of the loss");
    await server.listen();
    await until(() => server.of("event.subscribe").length === 2, "the second subscription");
    await until(() => io.errorText().includes("The bridge is back"), "the notice of the return");
    push(2);
    await until(() => io.outText().includes('"e2"'), "the second event");
    io.interrupt();
    const { code, out } = await running;
    expect(code).toBe(130);
    expect(inEachLine(out, "seq")).toEqual([1, 2]);
  });

  test("prints no notice with --quiet", async () => {
    subscribed();
    const io = person();
    const running = runLine("events -f --quiet", io);
    await until(() => server.of("event.subscribe").length === 1, "the subscription");
    push(1);
    await until(() => io.outText() !== "", "an event");
    io.interrupt();
    expect(await running).toMatchObject({ code: 130, error: "" });
  });

  test("without --follow prints past events", async () => {
    server.handler = () => ({ events: [event(1)], cursor: 1, cursor_reset: false });
    const { code, out } = await runLine("events --since 0 --limit 1", person());
    expect(code).toBe(0);
    expect(out).toMatch(/agent\.heartbeat +agent:a +seq=1\n$/);
    expect(server.received[0]?.params).toEqual({ channels: [">"], cursor: 0, limit: 1 });
  });
});

test("logs -f goes on after a restart of the bridge without repeating a line", async () => {
  const line = (second: number) => ({
    time: `2026-11-21T08:00:0${second}.000Z`,
    stream: "stdout",
    line: `line ${second}`,
  });
  let lines = [line(1), line(2)];
  server.handler = ({ id, method }, reply) => {
    if (method === "agent.logs") {
      for (const item of lines) reply({ method: "rpc.stream", params: { id, seq: 0, item } });
    }
    if (method !== "event.subscribe") return undefined;
    queueMicrotask(() => push(1));
    return { subscription_id: "s1", cursor: 0, cursor_reset: false };
  };
  const io = person();
  const running = runLine("logs -f a --json", io);
  await until(() => io.outText().includes("line 2"), "the first lines");
  lines = [line(1), line(2), line(3)];
  await server.stop();
  await server.listen();
  await until(() => io.outText().includes("line 3"), "the line after the restart");
  io.interrupt();
  const { code, out } = await running;
  expect(code).toBe(130);
  expect(inEachLine(out, "line")).toEqual(["line 1", "line 2", "line 3"]);
});
