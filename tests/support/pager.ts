import { once } from "node:events";
import { createServer } from "node:http";

/** Somebody outside who takes webhooks. */
export interface Pager extends AsyncDisposable {
  readonly url: string;
  /** What came, in order, with the path it came to. */
  readonly told: readonly { readonly path: string; readonly text: string; readonly at: number }[];
  /** What it answers with. */
  status: number;
}

export async function startPager(): Promise<Pager> {
  const told: { path: string; text: string; at: number }[] = [];
  const state = { status: 200 };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      const text = body === "" ? "" : String((JSON.parse(body) as { text?: unknown }).text);
      told.push({ path: request.url ?? "", text, at: performance.now() });
      response.writeHead(state.status).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
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
