import type { EventEnvelope, MethodName, ParamsIn, Result, StreamItem, StreamingMethodName } from "@armorclaw/protocol";

/** `reconnecting`: the connection was lost, or could not be made yet, and is tried again. `closed` is final. */
export type ConnectionState = "connected" | "reconnecting" | "closed";

/** How a lost connection is tried again: exponential back-off with jitter. */
export interface ReconnectOptions {
  /** The longest first wait. Half of each wait is random. */
  readonly initialMs: number;
  /** The longest wait. */
  readonly maxMs: number;
  /** Close the client when there was no connection for this long. Never, when left out. */
  readonly giveUpAfterMs?: number;
}

/** The bridge's own socket. */
export interface SocketOptions {
  /** The Unix socket's path, or the name of the Windows pipe, whose token is read from this user's profile. */
  readonly socketPath: string;
  /** The 32 bytes of the bridge's `rpc.seal_key_file`: every message is sealed under them. */
  readonly sealKey?: Uint8Array;
  /**
   * The user whose bridge is meant, besides root: this process's own user when left out. A socket that somebody else could serve
   * rejects with SERVER_NOT_TRUSTED. `any` checks nothing, for a socket that somebody else has checked.
   */
  readonly serverUid?: number | "any";
}

/** The address of a listener that authenticates by token. */
export interface UrlOptions {
  /** `ws:` or `wss:` for everything; `http:` or `https:` for calls alone, since nothing can be pushed. */
  readonly url: string;
  /** An API token, or a JWT where the bridge knows an issuer. */
  readonly token: string;
  /** The 32 bytes of the bridge's `listen.websocket.seal_key_file`: every message is sealed under them. For `ws:` and `wss:`. */
  readonly sealKey?: Uint8Array;
}

/** How to reach the bridge, and how the connection behaves. */
export type ClientOptions = ConnectionOptions & (SocketOptions | UrlOptions);

/** How a connection behaves, whatever carries it. */
export interface ConnectionOptions {
  /** `{ initialMs: 100, maxMs: 5_000 }` when left out; false closes the client with its first connection. */
  readonly reconnect?: ReconnectOptions | false;
  /** The deadline of a call that names none, from the call to its answer, in milliseconds. 30,000 when left out. */
  readonly deadlineMs?: number;
  /** Closes the client when it aborts. */
  readonly signal?: AbortSignal;
  /** The most calls that wait to be sent; one more rejects with QUEUE_FULL. 1,024 when left out. */
  readonly sendQueueMax?: number;
  /** The most characters of calls that wait to be sent; one more rejects with QUEUE_FULL. 16 Mi when left out. */
  readonly sendQueueBytesMax?: number;
  /** Calls of one turn travel as one batch, and are answered together. Streams and subscriptions never wait for others. */
  readonly batch?: boolean;
  /** Milliseconds of silence before the bridge is pinged. Without an answer in the same time again, the connection is dropped. 30,000 when left out; 0 for never. */
  readonly heartbeatMs?: number;
  /**
   * Calls that must come first on every connection, such as `agent.hello`: nothing else is sent until it resolves. When
   * it rejects the connection is dropped; a BridgeError that is not retryable closes the client.
   */
  readonly greet?: (call: Call) => Promise<unknown>;
}

/** How long one call may take. */
export interface CallOptions {
  /** Cancels the call, here and in the bridge. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from the call to its answer, including the wait for a connection. Streams have none unless given. */
  readonly deadlineMs?: number | undefined;
}

/** The name of a method, known or not. */
export type AnyName = MethodName | (string & Record<never, never>);

/** What a call takes after its method's name: params may be left out where none is required. */
export type CallArguments<N extends string> = N extends MethodName
  ? Record<never, never> extends ParamsIn<N>
    ? [params?: ParamsIn<N>, options?: CallOptions]
    : [params: ParamsIn<N>, options?: CallOptions]
  : [params?: unknown, options?: CallOptions];

/** What a call resolves with: typed for the contract's methods, `unknown` for others. */
export type Answer<N extends string> = N extends MethodName ? Result<N> : unknown;

/** Calls a method by its name. */
export type Call = <N extends AnyName>(name: N, ...args: CallArguments<N>) => Promise<Answer<N>>;

/**
 * The items of a streaming call, once. Leaving the iteration early cancels the call. `result` settles when the stream has
 * ended; it needs the items to be consumed, since the bridge waits for the consumer.
 */
export interface ItemStream<Item, End> extends AsyncIterable<Item> {
  readonly result: Promise<End>;
}

type Domain = MethodName extends infer N ? (N extends `${infer D}.${string}` ? D : never) : never;
type PlainMethodName = Exclude<MethodName, StreamingMethodName>;

/** One object per domain of the contract, one function per method: `client.agent.start({ agent_type: "heartbeat" })`. */
export type Namespaces = {
  readonly [D in Domain]: {
    readonly [N in PlainMethodName as N extends `${D}.${infer Verb}` ? Verb : never]: (
      ...args: CallArguments<N>
    ) => Promise<Result<N>>;
  };
};

/** Which events to receive. */
export interface SubscribeParams extends Readonly<ParamsIn<"event.subscribe">> {}

/** Events were missed: they are no longer remembered, or the bridge was restarted. */
export interface Gap {
  /** The last `seq` that was seen, or the cursor that was asked for. */
  readonly after: number;
  /** The `seq` after which events come now. */
  readonly resumedAt: number;
  /** Events of low priority that were left out because this side did not keep up; 0 when more than those are missing. */
  readonly skippedLow: number;
}

/** How a subscription behaves on this side. */
export interface SubscribeOptions {
  readonly signal?: AbortSignal;
  /** Events that may wait for the consumer; one more ends the subscription with QUEUE_FULL. 10,000 when left out. */
  readonly queueMax?: number;
  readonly onGap?: (gap: Gap) => void;
}

/** A live subscription. Iterate it once; leaving the iteration or disposing it unsubscribes. */
export interface EventSubscription extends AsyncIterable<EventEnvelope>, AsyncDisposable {
  /** Resolves when the bridge has confirmed it: from then on nothing is missed. Rejects when the bridge refused it. */
  readonly ready: Promise<void>;
  /**
   * Says that this event, and all before it, were dealt with; resolves when the bridge will not push them again. For
   * subscriptions with a `name` or `unacked_max`. Rejects when the connection was lost: what was not acknowledged comes again.
   */
  ack(event: EventEnvelope): Promise<void>;
}

/**
 * A connection to the bridge. Errors: `BridgeError` (the catalogue's, as `ReceivedBridgeError`), `RemoteError` (a code
 * that this version does not know) and `ConnectionError` (this side). A call that was sent is never sent again.
 */
export interface ClientCore extends AsyncDisposable {
  readonly call: Call;
  /** Calls a streaming method; the bridge sends at most 64 items ahead of the consumer. */
  stream<N extends StreamingMethodName>(
    name: N,
    params: ParamsIn<N>,
    options?: CallOptions,
  ): ItemStream<StreamItem<N>, Result<N>>;
  stream(name: string, params?: unknown, options?: CallOptions): ItemStream<unknown, unknown>;
  /** Subscribes at once. After a reconnect it continues from the last received event and calls `onGap` when events were missed. */
  subscribe(params: SubscribeParams, options?: SubscribeOptions): EventSubscription;
  /** Calls with each new state and what led to it. Returns the function that ends that. */
  onState(listener: (state: ConnectionState, reason: unknown) => void): () => void;
  /** Rejects what is in flight with CLOSED, ends subscriptions and closes the connection. Idempotent. */
  close(): Promise<void>;
}

export type BridgeClient = ClientCore & Namespaces;
