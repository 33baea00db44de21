import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { sharedReads } from "./shared-reads.ts";

async function connected(count: number) {
  const directory = await mkdtemp(join(tmpdir(), "reads-"));
  const path = join(directory, "s.sock");
  const read = sharedReads();
  const served: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => served.push(read(socket)));
  await once(server.listen(path), "listening");
  const pairs: { readonly client: Socket; readonly socket: Socket }[] = [];
  for (let opened = 0; opened < count; opened++) {
    const client = connect(path);
    await Promise.all([once(client, "connect"), once(server, "connection")]);
    const socket = served[opened];
    if (socket === undefined) throw new Error("The connection was not served");
    pairs.push({ client, socket });
  }
  return {
    pairs,
    async [Symbol.asyncDispose]() {
      for (const { client, socket } of pairs) for (const end of [client, socket]) end.destroy();
      server.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Returns all bytes until the end, copied, as a reader must copy them. */
async function textOf(socket: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => pieces.push(Buffer.from(chunk)));
  socket.resume();
  await once(socket, "end");
  return Buffer.concat(pieces).toString();
}

test("connections that share a buffer each get all their own bytes", async () => {
  await using all = await connected(3);
  const texts = all.pairs.map((_, index) => String(index).repeat(700_000));
  const received = all.pairs.map(({ socket }) => textOf(socket));
  all.pairs.forEach(({ client }, index) => void client.end(texts[index] ?? ""));
  expect((await Promise.all(received)).map((text, index) => text === texts[index])).toEqual([true, true, true]);
});

test("a connection reads nothing before it is resumed, and sends an answer after the peer's end", async () => {
  await using all = await connected(1);
  const [pair] = all.pairs;
  if (pair === undefined) throw new Error("There is no connection");
  const { client, socket } = pair;
  client.end("first");
  await once(client, "finish");
  expect(socket.bytesRead).toBe(0);
  expect(await textOf(socket)).toBe("first");
  const answer = textOf(client);
  socket.end("answer");
  expect(await answer).toBe("answer");
});

test("a connection leaks no descriptor", async () => {
  const count = async () => (await readdir("/proc/self/fd")).length;
  const before = await count();
  {
    await using all = await connected(20);
    expect(all.pairs).toHaveLength(20);
    // There is one descriptor at each end, and the listening one.
    expect((await count()) - before).toBeLessThanOrEqual(41);
    const closed = all.pairs.flatMap(({ client, socket }) => [once(client, "close"), once(socket, "close")]);
    for (const { client, socket } of all.pairs) for (const end of [client, socket]) end.destroy();
    await Promise.all(closed);
  }
  expect(await count()).toBeLessThanOrEqual(before);
});
