// A provider for the benchmark, in a process of its own: it answers every request with the same streamed answer, in one write,
// so that it uses as little of the machine as possible. It prints its port and serves until its input ends.
import { createServer } from "node:net";
import { listenOnLoopback } from "../loopback.ts";
import { requestsIn } from "./raw-http.ts";

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`;
const usage = { prompt_tokens: 10, completion_tokens: 8, total_tokens: 18 };
const events = [
  chunk({ role: "assistant", content: "" }),
  ...Array.from({ length: 8 }, () => chunk({ content: "word " })),
  chunk({}, "stop"),
  `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage })}\n\n`,
  "data: [DONE]\n\n",
].join("");
const size = Buffer.byteLength(events).toString(16);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${size}\r\n${events}\r\n0\r\n\r\n`,
);

const server = createServer({ noDelay: true }, (socket) => {
  const requests = requestsIn();
  socket.on("data", (bytes) => {
    for (let n = requests(bytes); n > 0; n--) socket.write(answer);
  });
  socket.on("error", () => socket.destroy());
});
process.stdout.write(`${JSON.stringify({ port: await listenOnLoopback(server) })}\n`);
for await (const _ of process.stdin);
server.close();
