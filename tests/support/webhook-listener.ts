import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { until } from "./until.ts";

export interface Delivery {
  readonly text: string;
  readonly key: string;
  readonly atMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A real HTTP server of one's own that takes what the bridge posts to a webhook. */
export class WebhookListener implements AsyncDisposable {
  /** What was answered with success. */
  readonly taken: Delivery[] = [];
  /** All that came, in order. */
  readonly all: Delivery[] = [];
  readonly #server;

  /** @param answer decides about each request; success when left out */
  private constructor(answer: (delivery: Delivery, nth: number) => Answer) {
    this.#server = createServer((request, response) => {
      void read(request).then((body) => {
        const { text } = JSON.parse(body) as { text: string };
        const delivery = { text, key: String(request.headers["idempotency-key"]), atMs: performance.now() };
        this.all.push(delivery);
        const { status, headers = {} } = answer(delivery, this.all.length);
        if (status < 300) this.taken.push(delivery);
        response.writeHead(status, headers).end();
      });
    }).listen(0, "127.0.0.1");
  }

  static async open(answer: (delivery: Delivery, nth: number) => Answer = () => ({ status: 200 })) {
    const listener = new WebhookListener(answer);
    await until("the webhook listens", () => listener.#server.listening);
    return listener;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}
