import { once } from "node:events";
import { createServer } from "node:http";
import { listenOnLoopback } from "../loopback.ts";

export interface Told {
  readonly path: string;
  readonly text: string;
  /** The idempotency key. */
  readonly key: string;
  readonly at: number;
  /** Whether it was answered with success. */
  readonly isTaken: boolean;
}

export interface PagerAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An external receiver of webhooks. */
export interface Pager extends AsyncDisposable {
  readonly url: string;
  /** The received requests, in order, with their paths. */
  readonly told: readonly Told[];
  /** The status of its answers. */
  status: number;
}

/** @param answer gives the answer to the nth request, counted from 1, and its path; undefined for the pager's status */
export async function startPager(answer?: (nth: number, path: string) => PagerAnswer | undefined): Promise<Pager> {
  const told: Told[] = [];
  const state = { status: 200 };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      const text = body === "" ? "" : String((JSON.parse(body) as { text?: unknown }).text);
      const path = request.url ?? "";
      const { status, headers = {} }: PagerAnswer = answer?.(told.length + 1, path) ?? state;
      const key = String(request.headers["idempotency-key"]);
      told.push({ path, text, key, at: performance.now(), isTaken: status < 300 });
      response.writeHead(status, headers).end();
    });
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    told,
    get status() {
      return state.status;
    },
    set status(next) {
      state.status = next;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
