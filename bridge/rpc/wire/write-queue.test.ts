import { Writable } from "node:stream";
import { expect, test } from "@jest/globals";
import { Flusher } from "./flusher.ts";
import { JoinedLines } from "./joined-lines.ts";
import { LineBuffers } from "./line-buffers.ts";
import { WriteQueue } from "./write-queue.ts";

function open(joined = new JoinedLines(), flusher = new Flusher()) {
  const writes: Buffer[] = [];
  const socket = new Writable({
    write(chunk: Buffer, _, done) {
      writes.push(chunk);
      done();
    },
  });
  return { queue: new WriteQueue(socket, joined, flusher), writes, socket };
}

const line = (text: string) => Buffer.from(`${text}\n`);

test("answers, pushes and items are sent in the order in which they were queued", () => {
  const { queue, writes } = open();
  const lent = new LineBuffers().lend(5);
  lent.bytes.write("item\n");
  queue.add("one", true);
  queue.push(line("two"), true);
  queue.push(line("three"), true);
  queue.add("four", true);
  queue.add(lent, true);
  queue.push(line("five"), true);
  queue.add("six ä", true);
  queue.flush();
  expect(Buffer.concat(writes).toString()).toBe("one\ntwo\nthree\nfour\nitem\nfive\nsix ä\n");
  expect(writes).toHaveLength(3);
  expect(queue.unsent).toBe(0);
});

test("a push that is queued while a line is answered is sent after the answer", () => {
  const { queue, writes } = open();
  queue.hold();
  queue.push(line("push"), true);
  expect(queue.unsent).toBe(5);
  queue.add("answer", true);
  queue.release(true);
  queue.flush();
  expect(Buffer.concat(writes).toString()).toBe("answer\npush\n");
});

test("text for many connections is encoded once for all of them", () => {
  const joined = new JoinedLines();
  const connections = Array.from({ length: 100 }, () => open(joined));
  const other = open(joined);
  const pushes = ["a", "b", "c"].map(line);
  for (const each of pushes) for (const { queue } of connections) queue.push(each, true);
  for (const each of ["d", "e", "f"]) other.queue.push(line(each), true);
  for (const { queue } of [...connections.slice(0, 50), other, ...connections.slice(50)]) queue.flush();
  const written = connections.flatMap(({ writes }) => writes);
  expect(written.map(String)).toEqual(connections.map(() => "a\nb\nc\n"));
  expect(new Set(written).size).toBe(2);
  expect(other.writes.map(String)).toEqual(["d\ne\nf\n"]);
});

test("urgent text is sent at the end of the tick, once for each connection", async () => {
  const [joined, flusher] = [new JoinedLines(), new Flusher()];
  const connections = Array.from({ length: 3 }, () => open(joined, flusher));
  const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
  for (const round of ["first", "second"]) {
    for (const { queue } of connections) {
      queue.push(line(`${round} push`), false);
      queue.flush();
      queue.add(`${round} answer`, false);
      queue.push(line(`${round} push`), false);
    }
    for (const { writes } of connections) expect(writes).toHaveLength(1);
    await tick();
    const expected = [`${round} push\n`, `${round} answer\n${round} push\n`];
    for (const { writes } of connections) expect(writes.splice(0).map(String)).toEqual(expected);
  }
});

test("a single push is sent without a copy, and a long burst in pieces", () => {
  const { queue, writes } = open();
  const single = line("single");
  queue.push(single, true);
  queue.flush();
  expect(writes[0]).toBe(single);
  for (let n = 0; n < 100; n++) queue.push(Buffer.alloc(1024, "x"), true);
  queue.flush();
  expect(Buffer.concat(writes.slice(1))).toHaveLength(100 * 1024);
  expect(Math.max(...writes.map(({ length }) => length))).toBeLessThanOrEqual(32 * 1024);
});

test("text that is queued for a closed connection is dropped", () => {
  const { queue, writes, socket } = open();
  queue.push(line("push"), true);
  queue.add("answer", true);
  socket.destroy();
  queue.add(new LineBuffers().lend(5), true);
  queue.flush();
  expect(writes).toEqual([]);
  expect(queue.unsent).toBe(0);
});
