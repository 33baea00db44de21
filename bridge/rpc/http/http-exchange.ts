import type { ServerResponse } from "node:http";
import { Duplex } from "node:stream";

const streamedLine = '{"jsonrpc":"2.0","method":';

/**
 * Presents one HTTP request as a half-closed connection: the lines of the body are the input and the answers are the output. One answer
 * is sent as plain JSON, no answer as status 204, and several answers or stream items as lines of JSON.
 */
export function httpExchange(body: string, response: ServerResponse): Duplex {
  let held = "";
  let isStreaming = false;
  const begin = (type: string, more: object = {}) => response.writeHead(200, { "content-type": type, ...more });
  const exchange = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _, done) {
      held += chunk.toString();
      if (!isStreaming && held.startsWith(streamedLine)) {
        isStreaming = true;
        begin("application/x-ndjson");
      }
      if (!isStreaming) {
        done();
        return;
      }
      const text = held;
      held = "";
      response.write(text, () => done());
    },
    final(done) {
      const isSingle = held.indexOf("\n") === held.length - 1;
      if (isStreaming) response.end(held);
      else if (held === "") response.writeHead(204).end();
      else
        begin(isSingle ? "application/json" : "application/x-ndjson", {
          "content-length": Buffer.byteLength(held),
        }).end(held);
      done();
    },
    destroy(error, done) {
      if (!response.writableEnded) response.destroy();
      done(error);
    },
  });
  response.once("close", () => exchange.destroy());
  exchange.push(onOneLine(body));
  exchange.push(null);
  return exchange;
}

/** Joins a JSON value that is spread over several lines. Line breaks in valid JSON stand only between tokens. */
function onOneLine(body: string): string {
  if (!body.trimEnd().includes("\n")) return body;
  try {
    JSON.parse(body);
  } catch {
    return body;
  }
  return body.replaceAll(/[\r\n]+/g, " ");
}
