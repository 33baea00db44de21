import type { Principal, Role } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { tokenHandlers } from "../api/token.ts";
import type { Config } from "../config/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logging } from "../logging/index.ts";
import type { Clock } from "../platform/clock.ts";
import {
  ApiTokens,
  CallMetrics,
  createAuthenticator,
  createJwtVerifier,
  createWebListener,
  defaultRates,
  type GaugeSource,
  type MethodEntry,
  metricsPage,
  type RateLimitOptions,
  RateLimits,
  type RpcServer,
  scopeRefusal,
  type WebListener,
  type WebSite,
} from "../rpc/index.ts";
import type { Store } from "../store/index.ts";

export interface WireDeps {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly logging: Logging;
  /** The server, once it is made: what is composed here is part of how it is made. */
  readonly server: () => RpcServer;
  readonly gauges: readonly GaugeSource[];
  /** What the HTTP listener serves besides its own. */
  readonly site: WebSite | undefined;
}

/** Whoever asks for `/health` was let in already. */
const asker: Principal = { kind: "user", id: "user:0", uid: 0, role: "admin" };
const healthDeadlineMs = 10_000;

/** Constructs what stands around the dispatcher: rates, figures, API tokens, and the listeners besides the bridge's own socket. */
export function composeWire(deps: WireDeps) {
  const { config, store, clock, server } = deps;
  const calls = new CallMetrics();
  const rates = new RateLimits({ rates: ratesOf(config), penalty: config.rateLimits.penalty, clock });
  const tokens = new ApiTokens(store, clock);
  const metrics = metricsPage({
    calls,
    stats: () => server().stats,
    rateLimited: () => rates.refused,
    gauges: deps.gauges,
  });
  const health = async () => {
    const { result } = await server().local.call("bridge.health", {}, asker, AbortSignal.timeout(healthDeadlineMs));
    return result;
  };
  const pages = { health, metrics };
  const webListeners = listeners(deps, tokens, pages);
  return {
    /** Where browsers reach the HTTP listener, once it listens. */
    listenerUrl: () => webListeners.find(({ name }) => name === "http listener")?.url,
    listeners: () => webListeners.map(({ name, url }) => ({ name, url })),
    pages,
    policy: {
      authorize: (method: MethodEntry, principal: Principal, now: number) =>
        scopeRefusal(method.name, principal) ?? rates.authorize(method, principal, now),
      onAnswered: calls.onAnswered,
    },
    handlers: tokenHandlers(tokens, clock.now, (principal) => server().disconnect(principal)),
    services: webListeners as readonly Service[],
  };
}

/** One listener for each that is configured; one for both when both are to listen at the same place. */
function listeners(
  { config, clock, logging, server, site }: WireDeps,
  tokens: ApiTokens,
  pages: { health(): unknown; metrics(): Promise<string> },
): WebListener[] {
  const { http, websocket, jwt } = config.listen;
  const verifyJwt =
    jwt.issuer === undefined
      ? undefined
      : createJwtVerifier(jwtSettings(jwt), { clock, logger: logging.child("listen") });
  const rpc: Pick<RpcServer, "attach"> = { attach: (socket, principal) => server().attach(socket, principal) };
  const common = { rpc, authenticator: createAuthenticator(tokens, verifyJwt, clock), logger: logging.child("listen") };
  const front = { ...pages, rpc, bodyBytesMax: config.rpc.frameBytesMax };
  const webSocket = {
    origins: websocket.origins,
    messageBytesMax: config.rpc.frameBytesMax,
    sealKeyFile: websocket.sealKeyFile,
  };
  const isShared = http.address !== undefined && http.address === websocket.address;
  const open: WebListener[] = [];
  if (http.address !== undefined) {
    const tls = tlsOf("listen.http", http);
    open.push(
      createWebListener({
        ...common,
        name: "http listener",
        address: http.address,
        tls,
        http: front,
        site,
        webSocket: isShared ? webSocket : undefined,
      }),
    );
  }
  if (websocket.address !== undefined && !isShared) {
    const tls = tlsOf("listen.websocket", websocket);
    open.push(
      createWebListener({
        ...common,
        name: "websocket listener",
        address: websocket.address,
        tls,
        http: undefined,
        webSocket,
      }),
    );
  }
  return open;
}

function tlsOf(key: string, { tlsCertFile: certFile, tlsKeyFile: keyFile }: Config["listen"]["http"]) {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  throw new BridgeError("CONFIG_INVALID", `${key}: tls_cert_file and tls_key_file belong together`);
}

function jwtSettings({ issuer, audience, jwks, roleClaim }: Config["listen"]["jwt"]) {
  if (issuer === undefined || jwks === undefined)
    throw new BridgeError("CONFIG_INVALID", "listen.jwt: an issuer needs its keys, jwks");
  return { issuer, audience, jwks, roleClaim };
}

function ratesOf({ rateLimits: configured }: Config): RateLimitOptions["rates"] {
  const ofRole = (role: Role) => {
    const { readPerS: read, writePerS: write, controlPerS: control } = configured[role];
    const own = defaultRates[role];
    const rate = (perSecond: number | undefined, fallback: (typeof own)["read"]) =>
      perSecond === undefined ? fallback : { perSecond, burst: Math.max(1, 2 * perSecond) };
    return { read: rate(read, own.read), write: rate(write, own.write), control: rate(control, own.control) };
  };
  return { admin: ofRole("admin"), operator: ofRole("operator"), viewer: ofRole("viewer"), agent: ofRole("agent") };
}
