import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { pipeTokenFile } from "@armorclaw/protocol/pipe";
import { ConnectionError, errorFromWire } from "./errors.ts";
import { socketTransport } from "./socket-transport.ts";
import type { OpenTransport } from "./transport.ts";

/**
 * A Windows pipe, whose bridge knows its peers by a token in the user's profile. The token is read when the pipe is open, since each
 * start of a bridge makes another one. Without a token nothing is shown: whoever serves the pipe may not ask for one.
 */
export function pipeTransport(path: string): OpenTransport {
  return async (events, signal) => {
    const answer = Promise.withResolvers<void>();
    answer.promise.catch(() => undefined);
    let isIn = false;
    const onLine = (line: string) => {
      const { error } = JSON.parse(line) as { readonly error?: Parameters<typeof errorFromWire>[0] };
      if (error === undefined) {
        isIn = true;
        answer.resolve();
      } else answer.reject(errorFromWire(error));
    };
    const transport = await socketTransport(path)(
      {
        onLine: (line) => (isIn ? events.onLine(line) : onLine(line)),
        onDrain: () => events.onDrain(),
        onClose(reason) {
          if (isIn) events.onClose(reason);
          else answer.reject(reason ?? new ConnectionError("CLOSED", "The bridge closed the connection at once"));
        },
      },
      signal,
    );
    const onAbort = () => answer.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const token = await readToken(path);
      if (token === undefined) {
        // What has come already is a refusal, or the end.
        await Promise.race([answer.promise, undefined]);
        isIn = true;
      } else {
        transport.send(JSON.stringify({ jsonrpc: "2.0", id: 0, method: "rpc.authenticate", params: { token } }), true);
        await answer.promise;
      }
      return transport;
    } catch (error) {
      transport.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  };
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    return (await readFile(join(homedir(), pipeTokenFile(path)), "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
