import { isUtf8 } from "node:buffer";
import type { ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { onOneLine } from "../wire/one-line.ts";

const streamedLine = '{"jsonrpc":"2.0","method":';

/**
 * Presents one HTTP request as a half-closed connection: the lines of the body are the input and the answers are the output. One answer
 * is sent as plain JSON, no answer as status 204, and several answers or stream items as lines of JSON.
 */
export function httpExchange(body: Buffer, response: ServerResponse): Duplex {
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
  exchange.push(isOneValue(body) ? onOneLine(body) : body);
  exchange.push(null);
  return exchange;
}

/** Whether the body is one JSON value over several lines, and not several values on a line each. */
function isOneValue(body: Buffer): boolean {
  const newline = body.indexOf("\n");
  if (newline === -1 || !isUtf8(body)) return false;
  try {
    JSON.parse(body.toString());
    return true;
  } catch {
    return false;
  }
}
