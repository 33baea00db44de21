export { BridgeError, type ErrorCode } from "@armorclaw/protocol/errors";
export { connect, createClient } from "./client.ts";
export { ConnectionError, type ConnectionErrorCode, type ReceivedBridgeError, RemoteError } from "./types/errors.ts";
export type {
  Answer,
  AnyName,
  BridgeClient,
  Call,
  CallArguments,
  CallOptions,
  ClientCore,
  ClientOptions,
  ConnectionOptions,
  ConnectionState,
  EventSubscription,
  Gap,
  ItemStream,
  Namespaces,
  ReconnectOptions,
  SocketOptions,
  SubscribeOptions,
  SubscribeParams,
  UrlOptions,
} from "./types/options.ts";
