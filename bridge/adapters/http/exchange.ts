import { lookup } from "node:dns/promises";
import type { IncomingMessage, RequestOptions } from "node:http";
import { isIP } from "node:net";
import { BridgeError } from "@armorclaw/protocol";
import { until } from "../../platform/abort.ts";
import { isPublic } from "./addresses.ts";

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly signal: AbortSignal;
  readonly responseBytesMax: number;
  /** Hosts that the operator allows at a private address. */
  readonly privateHosts: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/**
 * Sends one request to one address. The name is resolved once, each of its addresses is checked, and the connection goes to one of
 * them, so that a second answer of the name server changes nothing. Redirects are not followed.
 * @throws BridgeError DESTINATION_REFUSED, HTTP_FAILED
 */
export async function exchange(wanted: Exchange): Promise<Answer> {
  const { hostname } = wanted.url;
  try {
    return await send(wanted, await resolve(wanted));
  } catch (error) {
    if (wanted.signal.aborted) throw failed("timed_out", `${hostname} did not answer in time`);
    if (error instanceof BridgeError) throw error;
    const why = (error as NodeJS.ErrnoException).code ?? "the connection broke";
    // The cause may quote what was sent.
    throw failed("unreachable", `${hostname} did not answer: ${why}`);
  }
}

/** Why a call failed. */
export type HttpFailure = "unresolved" | "unreachable" | "timed_out" | "too_large";

const failed = (reason: HttpFailure, message: string, options?: ErrorOptions) =>
  new BridgeError("HTTP_FAILED", message, { reason }, options);

interface Address {
  readonly address: string;
  readonly family: number;
}

async function resolve({ url, privateHosts, signal }: Exchange): Promise<Address> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const found = isIP(host) === 0 ? await lookUp(host, signal) : [{ address: host, family: isIP(host) }];
  const hidden = found.find(({ address }) => !isPublic(address));
  if (hidden !== undefined && !privateHosts.includes(url.hostname.toLowerCase())) {
    throw new BridgeError("DESTINATION_REFUSED", `${url.hostname} is not at a public address`);
  }
  const [first] = found;
  if (first === undefined) throw failed("unresolved", `${url.hostname} has no address`);
  return first;
}

async function lookUp(host: string, signal: AbortSignal): Promise<Address[]> {
  try {
    return await until(lookup(host, { all: true }), signal);
  } catch (cause) {
    throw failed("unresolved", `The name ${host} could not be resolved`, { cause });
  }
}

function send({ url, method, headers, body, signal, responseBytesMax }: Exchange, pinned: Address): Promise<Answer> {
  const isPlain = url.protocol === "http:";
  const options: RequestOptions & { servername?: string } = {
    host: pinned.address,
    family: pinned.family,
    port: url.port === "" ? (isPlain ? 80 : 443) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method,
    headers: { ...headers, host: url.host, ...(body === undefined ? {} : { "content-length": String(body.length) }) },
    signal,
    // Agents share no connection.
    agent: false,
    ...(isPlain || isIP(url.hostname) !== 0 ? {} : { servername: url.hostname }),
  };
  // Node's HTTP is loaded with its first use: it takes 13 MB.
  const { request: open } = process.getBuiltinModule(isPlain ? "node:http" : "node:https");
  return new Promise((resolve, reject) => {
    const request = open(options, (response) => {
      collect(response, responseBytesMax).then(resolve, (error: unknown) => {
        request.destroy();
        reject(error);
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function collect(response: IncomingMessage, bytesMax: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw failed("too_large", `The answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
  return { status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) };
}
