import type { MethodName, Params, Principal, ResultIn, StreamItem, StreamingMethodName } from "@armorclaw/protocol";
import type { WithBytes } from "../wire/item-text.ts";

/** The connection of a call, as far as a handler may use it. */
export interface Peer {
  /** Unique among the connections of one server. */
  readonly id: number;
  /**
   * Queues one complete line for the peer. A peer that does not read is disconnected when its queue passes the bound
   * for longer than the write deadline.
   * @returns false when the connection is closed
   */
  push(line: Uint8Array): boolean;
  /** Resolves when the peer has read the queued output or has disconnected; undefined when little is queued. */
  writable(): Promise<void> | undefined;
  /** Calls the listener once after the connection has closed; immediately when the connection is closed already. */
  onClose(listener: () => void): void;
}

/** What a handler knows about the call that it answers. */
export interface Call {
  readonly principal: Principal;
  readonly peer: Peer;
  /** Aborts when the call is cancelled, its deadline passes, its connection closes or the bridge stops. */
  readonly signal: AbortSignal;
  readonly correlationId: string;
}

/** A call whose method streams items before its result. */
export interface StreamingCall<Item> extends Call {
  /** Sends one item, with `Base64` for bytes. Resolves when the next one may be sent: at once while there is credit, else when the peer grants more. */
  write(item: WithBytes<Item>): Promise<void>;
}

export type CallOf<N extends MethodName> = N extends StreamingMethodName ? StreamingCall<StreamItem<N>> : Call;

/** Handlers of the named methods. A missing one is a compile error where the table is put together. */
export type Handlers<N extends MethodName> = {
  readonly [K in N]: (params: Params<K>, call: CallOf<K>) => ResultIn<K> | Promise<ResultIn<K>>;
};
