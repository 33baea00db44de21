import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Received {
  readonly connection: number;
  readonly id?: number;
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the client sent
  readonly params: any;
}

/** Sends one message on the request's connection. */
export type Reply = (message: object) => void;

/**
 * A scripted peer: newline-delimited JSON-RPC on a real Unix socket. It answers with the handler's result and not
 * at all for undefined. It can stop and listen again on the same path, like a restarted bridge.
 */
export class LineServer implements AsyncDisposable {
  readonly received: Received[] = [];
  connections = 0;
  handler: (request: Received, reply: Reply) => unknown;
  readonly #directory: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(directory: string, handler: (request: Received, reply: Reply) => unknown) {
    this.#directory = directory;
    this.handler = handler;
  }

  static async open(handler: (request: Received, reply: Reply) => unknown = () => ({})): Promise<LineServer> {
    const server = new LineServer(await mkdtemp(join(tmpdir(), "lines-")), handler);
    await server.listen();
    return server;
  }

  get path(): string {
    return join(this.#directory, "agent.sock");
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => this.#serve(socket)).listen(this.path);
    await once(this.#server, "listening");
  }

  /** Drops every connection and stops listening. */
  async stop(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server, "close");
    this.#server?.close();
    this.drop();
    await closed;
    this.#server = undefined;
  }

  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Sends one message on every connection. */
  broadcast(message: object): void {
    for (const socket of this.#sockets) socket.write(`${JSON.stringify(message)}\n`);
  }

  /** Writes raw bytes on every connection. */
  raw(bytes: string | Buffer): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  of(method: string): Received[] {
    return this.received.filter((request) => request.method === method);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #serve(socket: Socket): void {
    const connection = ++this.connections;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
    const reply: Reply = (message) => socket.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    const lines = createInterface({ input: socket });
    lines.on("error", () => {});
    lines.on("line", (line) => {
      const request: Received = { connection, ...JSON.parse(line) };
      this.received.push(request);
      const result = this.handler(request, reply);
      if (request.id !== undefined && result !== undefined) reply({ id: request.id, result });
    });
  }
}

/** Waits until the condition holds; fails loudly after the deadline. */
export async function until(condition: () => boolean, what: string, deadlineMs = 10_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
