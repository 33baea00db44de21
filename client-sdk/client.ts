import { BridgeError } from "@armorclaw/protocol/errors";
import { openClient } from "./open-client.ts";
import { httpTransport } from "./transport/http-transport.ts";
import { localTransport } from "./transport/local-transport.ts";
import type { OpenTransport } from "./transport/transport.ts";
import { webSocketTransport } from "./transport/web-socket-transport.ts";
import { ConnectionError } from "./types/errors.ts";
import type { BridgeClient, ClientOptions } from "./types/options.ts";

/** A client that connects when it is first used. It must be closed. */
export function createClient(options: ClientOptions): BridgeClient {
  return openClient(options, transportOf(options)).client;
}

/**
 * A connected client. It must be closed: `await using client = await connect({ socketPath })`.
 * @throws ConnectionError NOT_CONNECTED when the first attempt fails; its `cause` says why
 * @throws BridgeError SERVER_NOT_TRUSTED when somebody else could serve the socket
 */
export async function connect(options: ClientOptions): Promise<BridgeClient> {
  const { client, started } = openClient(options, transportOf(options));
  try {
    await started();
    return client;
  } catch (cause) {
    await client.close();
    if (cause instanceof BridgeError && cause.code === "SERVER_NOT_TRUSTED") throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const where = "url" in options ? options.url : options.socketPath;
    throw new ConnectionError("NOT_CONNECTED", `No bridge answers at ${where}: ${why}`, { cause });
  }
}

function transportOf(options: ClientOptions): OpenTransport {
  if (!("url" in options)) return localTransport(options);
  return /^https?:/.test(options.url) ? httpTransport(options) : webSocketTransport(options);
}
