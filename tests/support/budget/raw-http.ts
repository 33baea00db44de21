import { connect, type NetConnectOpts, type Socket } from "node:net";

const blankLine = Buffer.from("\r\n\r\n");
const lastChunk = Buffer.from("0\r\n\r\n");

/** Counts the complete requests with a `content-length` in the bytes of one connection. */
export function requestsIn(): (bytes: Buffer) => number {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let count = 0;
    for (;;) {
      const end = rest.indexOf(blankLine);
      if (end < 0) return count;
      const length = /content-length: *(\d+)/i.exec(rest.toString("latin1", 0, end))?.[1];
      const total = end + blankLine.length + Number(length ?? 0);
      if (rest.length < total) return count;
      rest = rest.subarray(total);
      count += 1;
    }
  };
}

export interface Timed {
  readonly totalMs: number;
  readonly firstMs: number;
}

/** A persistent connection that posts one request after the other, and reads chunked answers with as little work as possible. */
export class RawClient {
  readonly #socket: Socket;
  readonly #request: Buffer;
  #onData: (bytes: Buffer) => void = () => undefined;
  #onEnd: (error: Error) => void = () => undefined;

  constructor(where: NetConnectOpts, path: string, headers: Readonly<Record<string, string>>, body: string) {
    this.#socket = connect(where);
    this.#socket.on("data", (bytes) => this.#onData(bytes));
    this.#socket.on("error", (error) => this.#onEnd(error));
    this.#socket.on("close", () => this.#onEnd(new Error("The connection was closed")));
    const lines = Object.entries({ host: "bench", "content-type": "application/json", ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.#request = Buffer.from(
      `POST ${path} HTTP/1.1\r\n${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  call(): Promise<Timed> {
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      let firstMs = 0;
      let status = "";
      this.#onEnd = reject;
      this.#onData = (bytes) => {
        if (status === "") {
          status = bytes.toString("latin1", 9, 12);
          firstMs = performance.now() - startedAt;
          if (status !== "200") reject(new Error(bytes.toString()));
        }
        if (bytes.subarray(-lastChunk.length).equals(lastChunk))
          resolve({ totalMs: performance.now() - startedAt, firstMs });
      };
      this.#socket.write(this.#request);
    });
  }

  close(): void {
    this.#onEnd = () => undefined;
    this.#socket.destroy();
  }
}
