import { openClient } from "./open-client.ts";
import { httpTransport } from "./transport/http-transport.ts";
import { webSocketTransport } from "./transport/web-socket-transport.ts";
import { ConnectionError } from "./types/errors.ts";
import type { BridgeClient, ConnectionOptions, UrlOptions } from "./types/options.ts";

export { BridgeError, type ErrorCode } from "@armorclaw/protocol/errors";
export { ConnectionError, type ConnectionErrorCode, type ReceivedBridgeError, RemoteError } from "./types/errors.ts";
export type * from "./types/options.ts";

/** The options of a client in a web page. */
export interface BrowserOptions extends ConnectionOptions, UrlOptions {}

const openUrl = (options: BrowserOptions) =>
  openClient(options, /^https?:/.test(options.url) ? httpTransport(options) : webSocketTransport(options));

/** A client that connects when it is first used. It must be closed. */
export function createClient(options: BrowserOptions): BridgeClient {
  return openUrl(options).client;
}

/**
 * A connected client. It must be closed.
 * @throws ConnectionError NOT_CONNECTED when the first attempt fails; its `cause` says why
 */
export async function connect(options: BrowserOptions): Promise<BridgeClient> {
  const { client, started } = openUrl(options);
  try {
    await started();
    return client;
  } catch (cause) {
    await client.close();
    throw new ConnectionError("NOT_CONNECTED", `No bridge answers at ${options.url}`, { cause });
  }
}
