import type { Principal } from "@armorclaw/protocol";
import { ApiTokens } from "../access/index.ts";
import {
  CallMetrics,
  type CallPolicy,
  configuredRates,
  createWebListeners,
  type GaugeSource,
  metricsPage,
  RateLimits,
  type RpcServer,
  scopeRefusal,
  type WebSite,
} from "../rpc/index.ts";
import type { Ground } from "./ground.ts";

export interface ListenersDeps {
  readonly server: RpcServer;
  readonly gauges: readonly GaugeSource[];
  /** What the HTTP listener serves besides calls and its own pages. */
  readonly site: WebSite | undefined;
}

/** The authenticator has admitted whoever asks for `/health`. */
const healthCaller: Principal = { kind: "user", id: "user:0", uid: 0, role: "admin" };
const healthDeadlineMs = 10_000;

/** Composes the listeners besides the bridge's own socket: API tokens, rate limits, and the pages of metrics and health. */
export function composeListeners(ground: Ground, { server, gauges, site }: ListenersDeps) {
  const { config, store, clock, logging } = ground;
  const calls = new CallMetrics();
  const { penalty } = config.rateLimits;
  const rates = new RateLimits({ rates: configuredRates(config.rateLimits), penalty, clock });
  const tokens = new ApiTokens(store, clock);
  const metrics = metricsPage({ calls, stats: () => server.stats, rateLimited: () => rates.refused, gauges });
  const health = async () => {
    const signal = AbortSignal.timeout(healthDeadlineMs);
    return (await server.local.call("bridge.health", {}, healthCaller, signal)).result;
  };
  const pages = { health, metrics };
  const messageBytesMax = config.rpc.frameBytesMax;
  const logger = logging.child("listen");
  const rpc = server;
  const listeners = createWebListeners(config.listen, { rpc, tokens, pages, site, messageBytesMax, clock, logger });
  const policy: CallPolicy = {
    authorize: (method, principal, now) =>
      scopeRefusal(method.name, principal) ?? rates.authorize(method, principal, now),
    onAnswered: calls.onAnswered,
  };
  return {
    tokens,
    pages,
    policy,
    services: listeners,
    addresses: () => listeners.map(({ name, url }) => ({ name, url })),
    /** Where browsers reach the HTTP listener; undefined while none is open. */
    httpUrl: () => listeners.find(({ name }) => name === "http listener")?.url,
  };
}
