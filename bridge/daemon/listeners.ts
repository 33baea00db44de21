import type { Principal } from "@armorclaw/protocol";
import { type Access, ApiTokens, admissionPolicy, assertReaches, FailedLogins } from "../access/index.ts";
import type { Audit } from "../audit/index.ts";
import {
  CallMetrics,
  type CallPolicy,
  configuredRates,
  createWebListeners,
  type GaugeSource,
  metricsPage,
  RateLimits,
  type RpcServer,
  type WebSite,
} from "../rpc/index.ts";
import type { Ground } from "./ground.ts";

export interface ListenersDeps {
  readonly server: RpcServer;
  readonly audit: Pick<Audit, "refused">;
  readonly access: Pick<Access, "grantsOf">;
  readonly gauges: readonly GaugeSource[];
  /** What the HTTP listener serves besides calls and its own pages. */
  readonly site: WebSite | undefined;
}

const healthDeadlineMs = 10_000;
/** The method that a token must reach to read `/health` and `/metrics`. */
const healthMethod = "bridge.health";

/** Composes the listeners besides the bridge's own socket: API tokens, rate limits, and the pages of metrics and health. */
export function composeListeners(ground: Ground, { server, audit, access, gauges, site }: ListenersDeps) {
  const { config, store, clock, logging, publish } = ground;
  const calls = new CallMetrics();
  const { penalty } = config.rateLimits;
  const rates = new RateLimits({ rates: configuredRates(config.rateLimits), penalty, clock });
  const tokens = new ApiTokens(store, clock);
  const loginGauge: GaugeSource = {
    name: "armorclaw_logins_refused_total",
    help: "Wrong tokens that were shown to the listeners",
    labelNames: [],
    isCounter: true,
    read: async () => [{ labels: {}, value: logins.total }],
  };
  const page = metricsPage({
    calls,
    stats: () => server.stats,
    rateLimited: () => rates.refused,
    gauges: [...gauges, loginGauge],
  });
  const health = async (principal: Principal) => {
    const signal = AbortSignal.timeout(healthDeadlineMs);
    return (await server.local.call(healthMethod, {}, principal, signal)).result;
  };
  const metrics = async (principal: Principal) => {
    assertReaches(principal, healthMethod, "/metrics");
    return await page();
  };
  const pages = { health, metrics };
  const messageBytesMax = config.rpc.frameBytesMax;
  const logger = logging.child("listen");
  const rpc = server;
  const logins = new FailedLogins({
    clock,
    publish: (data) => publish("bridge.logins_refused", "bridge", data),
    record: (address) => audit.refused("token:unknown", "rpc.authenticate", `login-${address}`),
  });
  const onWrongToken = (address: string) => logins.count(address);
  const deps = { rpc, tokens, pages, site, messageBytesMax, clock, logger, onWrongToken };
  const listeners = createWebListeners(config.listen, deps);
  const admission = admissionPolicy(access.grantsOf);
  const policy: CallPolicy = {
    authorize: (method, principal, now) =>
      admission.authorize(method, principal) ?? rates.authorize(method, principal, now),
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
