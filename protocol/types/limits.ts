/** Bounds of the protocol for both ends. Each is the bridge's default; its configuration may lower it. */
export const limits = {
  /** 16 MiB: the longest line. A 1 MiB config in base64, or a 10 MiB result, fits with room; larger values are streamed. */
  frameBytesMax: 16 * 1024 * 1024,
  /** The longest line of the bridge: twice a frame, since an echo may grow by its escapes. Larger values are streamed. */
  replyBytesMax: 32 * 1024 * 1024,
  /** The most requests in one batch. */
  batchMax: 1000,
  /** The deepest nesting of a JSON value. */
  depthMax: 64,
  /** The longest identifier: loop, agent, channel segment. Keeps agent socket paths under 107 bytes. */
  identifierLengthMax: 40,
  /** The longest channel name or pattern. */
  channelLengthMax: 200,
  /** The most patterns in one subscription. */
  patternsPerSubscriptionMax: 32,
  /** The most bytes of an event's data, as JSON. */
  eventDataBytesMax: 256 * 1024,
  /** The most bytes of a subscription's filter on data, as JSON: a named subscription stores the filter. */
  filterBytesMax: 64 * 1024,
  /** The most bytes of a question's details, as JSON: a person has to read them. */
  questionBytesMax: 256 * 1024,
  /** Stream items that may be unacknowledged when a stream opens. The client grants more as it consumes. */
  streamCreditInitial: 64,
} as const;
