import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { holder } from "../../../../tests/support/budget/broker.ts";
import { brokerBenches } from "../../../../tests/support/budget/broker-benches.ts";
import { ManualClock } from "../../../../tests/support/manual-clock.ts";
import { until } from "../../../../tests/support/until.ts";
import { unixFetch } from "../../../../tests/support/wire/unix-fetch.ts";

const benches = brokerBenches();
const mebibyte = 1_048_576;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function open() {
  const clock = new ManualClock();
  const bench = await benches.open({ endpointClock: clock });
  const socketPath = await bench.listen(holder);
  const apiKey = bench.endpoint.keyOf(holder);
  return { bench, clock, socketPath, apiKey };
}

/** A connection that sends the given text and collects the answer. */
async function dial(socketPath: string, text: string) {
  const socket = connect(socketPath);
  sockets.push(socket);
  const seen = { socket, text: "", isClosed: false };
  socket.on("data", (bytes) => {
    seen.text += bytes.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    seen.isClosed = true;
  });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.write(text);
  return seen;
}

const head = (key: string, bytes: number) =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-length: ${bytes}\r\n\r\n`;

describe("a connection of the model endpoint", () => {
  test.each([
    ["says nothing", ""],
    ["does not end its header", "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"],
  ])("that %s is closed after a minute", async (_, text) => {
    const { clock, socketPath } = await open();
    const seen = await dial(socketPath, text);
    await until("the bridge to hold the connection", () => clock.waiting > 0);
    clock.advance(59_999);
    expect(seen.isClosed).toBe(false);
    clock.advance(1);
    await until("the connection to be closed", () => seen.isClosed);
  });

  test("that does not end its body is closed after half a minute, and its bytes are given back", async () => {
    const { clock, socketPath, apiKey } = await open();
    const seen = await dial(socketPath, head(apiKey, 1_000));
    seen.socket.write("x".repeat(500));
    await until("the body's deadline", () => clock.waiting > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(30_000);
    await until("the connection to be closed", () => seen.isClosed);
  });

  test("of an agent whose requests hold 32 MiB is refused, and closed, while another agent is served", async () => {
    const { bench, socketPath, apiKey } = await open();
    const all = await Promise.all(Array.from({ length: 6 }, () => dial(socketPath, head(apiKey, 16 * mebibyte))));
    for (const { socket } of all) socket.write(Buffer.alloc(15 * mebibyte, 32));
    await until("four refusals", () => all.filter(({ isClosed }) => isClosed).length >= 4, 20_000);
    const refusals = all.filter(({ text }) => text.startsWith("HTTP/1.1 429") && text.includes("too_many_in_flight"));
    expect(refusals.length).toBeGreaterThan(0);
    const other = { ...holder, agentId: "notes-1" };
    const answer = await unixFetch(await bench.listen(other))("http://bridge/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({ model: "oai/m", messages: [{ role: "user", content: "Hi" }] }),
      headers: { authorization: `Bearer ${bench.endpoint.keyOf(other)}` },
    });
    expect(answer.status).toBe(200);
  });
});

describe("a body", () => {
  const post = async (
    { socketPath, apiKey }: { socketPath: string; apiKey: string },
    body: string | Uint8Array<ArrayBuffer>,
  ) =>
    await unixFetch(socketPath)("http://bridge/v1/chat/completions", {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${apiKey}` },
    });

  test("that is longer than a frame is refused, and the answer arrives", async () => {
    const bench = await open();
    const seen = await dial(bench.socketPath, head(bench.apiKey, 20 * mebibyte));
    seen.socket.write(Buffer.alloc(17 * mebibyte, 32));
    await until("the refusal", () => seen.text.includes("frame_too_large"), 10_000);
  });

  test("that is not UTF-8 is refused", async () => {
    const answer = await post(await open(), Uint8Array.of(0x7b, 0xff, 0x7d));
    expect(answer.status).toBe(400);
  });

  test("that is nested deeper than a frame may be is refused, and is not reported as a bug", async () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    const answer = await post(await open(), `{"model":"oai/m","messages":[{"role":"user","content":${deep}}]}`);
    expect(answer.status).toBe(400);
  });

  test("counts towards the agent's bytes per second", async () => {
    const bench = await open();
    const body = `{"model":"oai/m"${" ".repeat(15 * mebibyte)}}`;
    const statuses: number[] = [];
    for (let at = 0; at < 5; at += 1) statuses.push((await post(bench, body)).status);
    expect(statuses).toEqual([400, 400, 400, 400, 429]);
  });
});
