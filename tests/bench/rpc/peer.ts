/** One connection of a peer's own client. */
export interface PeerClient {
  request(method: "echo" | "subscribe" | "publish", params: unknown): Promise<unknown>;
  /** Calls the listener with each event after `subscribe`. */
  onEvent(listener: () => void): void;
  /** Reads a number of bytes as a stream. @returns how many arrived */
  stream?(bytes: number): Promise<number>;
}

/** A server of `echo` over a Unix socket; if it can push, also of `subscribe` and `publish`. */
export interface Peer {
  readonly pushes: boolean;
  /** The loads of the peer. The default is all. */
  readonly loads?: readonly string[];
  serve(path: string): Promise<void>;
  /** @param inFlight the number of requests in flight at once */
  connect(path: string, inFlight: number): Promise<PeerClient>;
}

/** The event that `publish` sends to every subscriber. */
export const eventOf = (seq: number) => ({ topic: "t", seq, data: "hello world hello world" });

/** The request of all loads but one: about 80 bytes on the wire. */
export const smallParams = { a: 1, b: "hello", c: [1, 2, 3] };
export const largeParams = { s: "abcdefghijklmnop".repeat(65_536) };
