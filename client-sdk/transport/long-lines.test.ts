import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { socketTransport } from "./socket-transport.ts";

test("long lines go out whole, in order with short ones, while earlier ones are still unsent", async () => {
  const directory = mkdtempSync(join(tmpdir(), "long-lines-"));
  const server = createServer({ pauseOnConnect: true }).listen(join(directory, "s"));
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const events = { onLine: () => undefined, onDrain: () => undefined, onClose: () => undefined };
  const transport = await socketTransport(join(directory, "s"))(events, AbortSignal.timeout(5_000));
  const lines = Array.from({ length: 12 }, (_, n) =>
    n % 3 === 2 ? `short ${n}` : `${n} ${"ä".repeat(100_000 + n * 50_000)}`,
  );
  for (const line of lines) transport.send(line, true);
  const [peer] = await accepted;
  let text = "";
  peer.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  peer.resume();
  const expected = `${lines.join("\n")}\n`;
  while (text.length < expected.length) await once(peer, "data");
  transport.close();
  await once(peer, "end");
  peer.destroy();
  server.close();
  rmSync(directory, { recursive: true });
  expect(text === expected).toBe(true);
});
