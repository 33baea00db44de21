/** One connection of a peer's own client. */
export interface PeerClient {
  request(method: "echo" | "subscribe" | "publish", params: unknown): Promise<unknown>;
  /** Calls with each event after `subscribe`. */
  onEvent(listener: () => void): void;
  /** Takes so many bytes as a stream, in pieces that are as bytes again. @returns how many came */
  stream?(bytes: number): Promise<number>;
}

/** Something that serves `echo`, and where it can push also `subscribe` and `publish`, over a Unix socket. */
export interface Peer {
  readonly pushes: boolean;
  /** The loads that it is for; all of them when left out. */
  readonly loads?: readonly string[];
  serve(path: string): Promise<void>;
  /** @param inFlight how many requests it will have in flight at once */
  connect(path: string, inFlight: number): Promise<PeerClient>;
}

/** What `publish` sends to every subscriber. */
export const eventOf = (seq: number) => ({ topic: "t", seq, data: "hello world hello world" });

/** The request that all loads but one make: about 80 bytes on the wire. */
export const smallParams = { a: 1, b: "hello", c: [1, 2, 3] };
export const largeParams = { s: "abcdefghijklmnop".repeat(65_536) };
