import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { parseJson } from "@armorclaw/protocol/long-json";
import { LineReader } from "../../../bridge/rpc/wire/framing.ts";
import { LongLines, longLineChars } from "../../../client-sdk/transport/long-lines.ts";
import type { PeerClient } from "./peer.ts";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: unknown;
}

/**
 * A minimal client of newline JSON, for every server of that protocol.
 * @param isCareful whether it writes the requests of one tick together, reads into a buffer of its own, joins the pieces of a long
 *   line once, and writes and parses long lines with the functions of our SDK
 * @param inFlight the number of requests in flight at once
 */
export async function connectLines(path: string, isCareful: boolean, inFlight = 1): Promise<PeerClient> {
  const buffer = Buffer.allocUnsafeSlow(256 * 1024);
  let reader: LineReader | undefined;
  const callback = (bytes: number) => {
    reader?.push(buffer.subarray(0, bytes));
    return true;
  };
  const socket = connect(isCareful ? { path, onread: { buffer, callback } } : { path });
  await once(socket, "connect");
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let onEvent: () => void = () => undefined;
  let lastId = 0;
  let unsent = "";
  const receive = (line: string) => {
    const message = (isCareful ? parseJson(line) : JSON.parse(line)) as Message;
    if (message.method !== undefined) {
      onEvent();
      return;
    }
    const waiting = pending.get(message.id ?? 0);
    pending.delete(message.id ?? 0);
    if (message.error === undefined) waiting?.resolve(message.result);
    else waiting?.reject(new Error(JSON.stringify(message.error)));
  };
  const flush = () => {
    const text = unsent;
    unsent = "";
    socket.write(text);
  };
  const longLines = new LongLines(socket);
  if (isCareful) reader = lineReader(socket, receive);
  else textLines(socket, receive);
  return {
    request(method, params) {
      lastId += 1;
      const waiting = Promise.withResolvers<unknown>();
      pending.set(lastId, waiting);
      const json = JSON.stringify({ jsonrpc: "2.0", id: lastId, method, params });
      if (isCareful && json.length >= longLineChars) {
        longLines.write(json);
        return waiting.promise;
      }
      const line = `${json}\n`;
      // A single request in flight cannot be joined with others.
      if (!isCareful || inFlight === 1) socket.write(line);
      else {
        if (unsent === "") process.nextTick(flush);
        unsent += line;
      }
      return waiting.promise;
    },
    onEvent(listener) {
      onEvent = listener;
    },
  };
}

function textLines(socket: Socket, onLine: (line: string) => void): void {
  let partial = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    const whole = partial === "" ? text : partial + text;
    let start = 0;
    for (let end = whole.indexOf("\n"); end !== -1; end = whole.indexOf("\n", start)) {
      onLine(whole.slice(start, end));
      start = end + 1;
    }
    partial = whole.slice(start);
  });
}

function lineReader(socket: Socket, onLine: (line: string) => void): LineReader {
  return new LineReader({
    onLines: (text) => {
      let start = 0;
      for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
        onLine(text.slice(start, end));
        start = end + 1;
      }
      onLine(start === 0 ? text : text.slice(start));
    },
    onInvalidLine: () => socket.destroy(new Error("The server sent what is not UTF-8")),
  });
}
