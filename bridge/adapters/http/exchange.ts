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
  /** 0 when the answer's body does not matter: it is not read. */
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
export type HttpFailure = "unresolved" | "unreachable" | "timed_out" | "too_large" | "encoded" | "partial";

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
    headers: {
      ...headers,
      "accept-encoding": "identity",
      host: url.host,
      ...(body === undefined ? {} : { "content-length": String(body.length) }),
    },
    signal,
    // Agents share no connection.
    agent: false,
    ...(isPlain || isIP(url.hostname) !== 0 ? {} : { servername: url.hostname }),
  };
  // Node's HTTP is loaded with its first use: it takes 13 MB.
  const { request: open } = process.getBuiltinModule(isPlain ? "node:http" : "node:https");
  return new Promise((resolve, reject) => {
    const request = open(options, (response) => {
      const answer = responseBytesMax === 0 ? withoutBody(response) : collect(response, responseBytesMax);
      answer.then(resolve, (error: unknown) => {
        request.destroy();
        reject(error);
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Returns the answer's head and ends the connection. */
async function withoutBody(response: IncomingMessage): Promise<Answer> {
  const answer = { status: response.statusCode ?? 0, headers: headersOf(response), body: Buffer.alloc(0) };
  response.destroy();
  return answer;
}

async function collect(response: IncomingMessage, bytesMax: number): Promise<Answer> {
  assertWhole(response);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw failed("too_large", `The answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: headersOf(response), body: Buffer.concat(chunks) };
}

/**
 * Refuses an answer that is compressed or a piece of the whole. The request asked for neither, and a secret in it would not be
 * recognized.
 */
function assertWhole({ headers, statusCode }: IncomingMessage): void {
  const codings = `${headers["content-encoding"] ?? ""},${headers["transfer-encoding"] ?? ""}`.toLowerCase().split(",");
  const unasked = codings
    .map((coding) => coding.trim())
    .find((coding) => !["", "identity", "chunked"].includes(coding));
  if (unasked !== undefined)
    throw failed("encoded", `The answer has the coding ${unasked.slice(0, 40)}, which the request did not ask for`);
  if (statusCode === 206 || headers["content-range"] !== undefined)
    throw failed("partial", "The answer is a piece of the whole, which the request did not ask for");
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  );
