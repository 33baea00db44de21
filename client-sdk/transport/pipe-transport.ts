import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { pipeTokenFile } from "@armorclaw/protocol/pipe";
import { answeredFirst } from "./first-call.ts";
import type { OpenTransport } from "./transport.ts";

/**
 * A Windows pipe, whose bridge knows its peers by a token in the user's profile. The token is read when the pipe is open, since each
 * start of a bridge makes another one. Without a token nothing is shown: whoever serves the pipe may not ask for one.
 */
export function pipeTransport(path: string, open: OpenTransport): OpenTransport {
  return answeredFirst(open, async () => {
    const token = await readToken(path);
    if (token === undefined) return undefined;
    return JSON.stringify({ jsonrpc: "2.0", id: 0, method: "rpc.authenticate", params: { token } });
  });
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    return (await readFile(join(homedir(), pipeTokenFile(path)), "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
