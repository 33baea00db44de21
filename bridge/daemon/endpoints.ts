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
  createWebDoor,
  defaultRates,
  type GaugeSource,
  type MethodEntry,
  metricsPage,
  type RateLimitOptions,
  RateLimits,
  type RpcServer,
  scopeRefusal,
  type WebDoor,
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
  /** What the HTTP door serves besides its own. */
  readonly site: WebSite | undefined;
}

/** Whoever asks for `/health` was let in already. */
const asker: Principal = { kind: "user", id: "user:0", uid: 0, role: "admin" };
const healthDeadlineMs = 10_000;

/** Constructs what stands around the dispatcher: rates, figures, API tokens, and the doors besides the bridge's own socket. */
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
  const webDoors = doors(deps, tokens, pages);
  return {
    /** Where browsers reach the HTTP door, once it listens. */
    doorUrl: () => webDoors.find(({ name }) => name === "http door")?.url,
    doors: () => webDoors.map(({ name, url }) => ({ name, url })),
    pages,
    policy: {
      authorize: (method: MethodEntry, principal: Principal, now: number) =>
        scopeRefusal(method.name, principal) ?? rates.authorize(method, principal, now),
      onAnswered: calls.onAnswered,
    },
    handlers: tokenHandlers(tokens, clock.now, (principal) => server().disconnect(principal)),
    services: webDoors as readonly Service[],
  };
}

/** One door for each that is configured; one for both when both are to listen at the same place. */
function doors(
  { config, clock, logging, server, site }: WireDeps,
  tokens: ApiTokens,
  pages: { health(): unknown; metrics(): Promise<string> },
): WebDoor[] {
  const { http, websocket, jwt } = config.doors;
  const verifyJwt =
    jwt.issuer === undefined
      ? undefined
      : createJwtVerifier(jwtSettings(jwt), { clock, logger: logging.child("doors") });
  const rpc: Pick<RpcServer, "attach"> = { attach: (socket, principal) => server().attach(socket, principal) };
  const common = { rpc, authenticator: createAuthenticator(tokens, verifyJwt, clock), logger: logging.child("doors") };
  const front = { ...pages, rpc, bodyBytesMax: config.rpc.frameBytesMax };
  const webSocket = {
    origins: websocket.origins,
    messageBytesMax: config.rpc.frameBytesMax,
    sealKeyFile: websocket.sealKeyFile,
  };
  const isShared = http.listen !== undefined && http.listen === websocket.listen;
  const open: WebDoor[] = [];
  if (http.listen !== undefined) {
    const tls = tlsOf("doors.http", http);
    open.push(
      createWebDoor({
        ...common,
        name: "http door",
        listen: http.listen,
        tls,
        http: front,
        site,
        webSocket: isShared ? webSocket : undefined,
      }),
    );
  }
  if (websocket.listen !== undefined && !isShared) {
    const tls = tlsOf("doors.websocket", websocket);
    open.push(
      createWebDoor({ ...common, name: "websocket door", listen: websocket.listen, tls, http: undefined, webSocket }),
    );
  }
  return open;
}

function tlsOf(key: string, { tlsCertFile: certFile, tlsKeyFile: keyFile }: Config["doors"]["http"]) {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  throw new BridgeError("CONFIG_INVALID", `${key}: tls_cert_file and tls_key_file belong together`);
}

function jwtSettings({ issuer, audience, jwks, roleClaim }: Config["doors"]["jwt"]) {
  if (issuer === undefined || jwks === undefined)
    throw new BridgeError("CONFIG_INVALID", "doors.jwt: an issuer needs its keys, jwks");
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
