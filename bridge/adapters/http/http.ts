import { isUtf8 } from "node:buffer";
import { BridgeError, type HttpMethod, type Secret } from "@armorclaw/protocol";
import { type Grant, tokenPattern } from "../../access/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { CircuitSettings, CircuitState } from "../../platform/circuit-breaker.ts";
import type { Clock } from "../../platform/clock.ts";
import { allowedUrl } from "./destination.ts";
import type { Answer } from "./exchange.ts";
import { PatientExchange } from "./patience.ts";
import { assertHeaders, assertNoMethodParameter } from "./request-headers.ts";
import { scrub } from "./scrub.ts";

/** Resolves the tokens that an agent holds in place of secrets. */
export interface TokenSource {
  /** @throws BridgeError SECRET_TOKEN_INVALID */
  resolveToken(token: string, agentId: string): Grant;
  secretOf(grant: Grant): Promise<Secret>;
}

export interface HttpCall {
  readonly url: string;
  readonly method: HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly encoding: "raw" | "base64";
  readonly timeoutMs: number;
}

export interface HttpResult {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly encoding: "raw" | "base64";
  readonly durationMs: number;
}

export interface HttpBrokerSettings {
  /** Hosts that may be called at private addresses and over plain HTTP. */
  readonly privateHosts: readonly string[];
  readonly circuit: CircuitSettings;
}

export interface HttpBrokerDeps {
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/** As base64, this still fits in one line of the wire. */
const responseBytesMax = 8 * 1024 * 1024;

/** Makes HTTP calls for agents, with secrets that the agents never see. */
export class HttpBroker {
  readonly #tokens: TokenSource;
  readonly #settings: HttpBrokerSettings;
  readonly #clock: Clock;
  readonly #patience: PatientExchange;

  constructor(deps: HttpBrokerDeps, settings: HttpBrokerSettings) {
    this.#tokens = deps.tokens;
    this.#settings = settings;
    this.#clock = deps.clock;
    this.#patience = new PatientExchange(deps, settings.circuit);
  }

  /** The circuit states of the hosts that agents called. */
  get circuits(): readonly CircuitState[] {
    return this.#patience.circuits;
  }

  /** @throws BridgeError SECRET_TOKEN_INVALID, DESTINATION_REFUSED, HTTP_FAILED, HTTP_UNAVAILABLE */
  async request(agentId: string, call: HttpCall, signal: AbortSignal): Promise<HttpResult> {
    const startedAt = this.#clock.monotonic();
    const grants = this.#grantsIn(call, agentId);
    const { privateHosts } = this.#settings;
    let url: URL | undefined;
    // Each secret of the call must be allowed at the destination.
    for (const grant of grants.values()) url = allowedUrl(call.url, call.method, grant.destinations, privateHosts);
    if (url === undefined) throw new BridgeError("SECRET_TOKEN_INVALID", "The call holds no token of a granted secret");
    const secrets = new Map<string, string>();
    for (const [token, grant] of grants) {
      const secret = await this.#tokens.secretOf(grant);
      secrets.set(token, secret.reveal());
      secret.wipe();
    }
    const { headers, body } = filled(call, secrets);
    assertNoMethodParameter(url, body);
    const wanted = { url, method: call.method, headers, body, responseBytesMax, privateHosts };
    const endsAt = startedAt + call.timeoutMs;
    const answer = await this.#patience.exchange(agentId, wanted, { caller: signal, endsAt });
    return { ...(await scrubbed(answer, secrets)), durationMs: Math.round(this.#clock.monotonic() - startedAt) };
  }

  #grantsIn({ headers, body = "", encoding, url }: HttpCall, agentId: string): Map<string, Grant> {
    assertHeaders(headers);
    // URLs end up in servers' logs.
    if (url.match(tokenPattern) !== null)
      throw new BridgeError("DESTINATION_REFUSED", "A secret may be in a header or in the body, but not in the URL");
    const text = `${Object.values(headers).join("\n")}\n${encoding === "raw" ? body : ""}`;
    const tokens = new Set(text.match(tokenPattern) ?? []);
    return new Map([...tokens].map((token) => [token, this.#tokens.resolveToken(token, agentId)]));
  }
}

function filled({ headers, body, encoding }: HttpCall, secrets: ReadonlyMap<string, string>) {
  const fill = (text: string) => text.replaceAll(tokenPattern, (token) => secrets.get(token) ?? token);
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), fill(value)])),
    body: body === undefined ? undefined : encoding === "raw" ? Buffer.from(fill(body)) : Buffer.from(body, "base64"),
  };
}

/** A server may echo the secret; the agent gets its token instead. */
async function scrubbed(answer: Answer, secrets: ReadonlyMap<string, string>) {
  const clean = async (text: string) => (await scrub(Buffer.from(text), secrets)).toString();
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) headers[await clean(name)] = await clean(value);
  const body = await scrub(answer.body, secrets);
  const encoding = isUtf8(body) ? "raw" : "base64";
  return {
    status: answer.status,
    headers,
    body: body.toString(encoding === "raw" ? "utf8" : "base64"),
    encoding,
  } as const;
}
