import type { Counter, Gauge, Registry } from "prom-client";
import type { RpcStats } from "../server/server.ts";
import { type CallMetrics, durationBucketsS } from "./call-metrics.ts";

/** A metric whose value another component keeps. */
export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Whether the value only grows until the process restarts. */
  readonly isCounter?: boolean;
  read(): Promise<readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>;
}

export interface MetricsSources {
  readonly calls: CallMetrics;
  readonly stats: () => RpcStats;
  readonly rateLimited: () => number;
  readonly gauges?: readonly GaugeSource[];
}

/** prom-client starts the measure of the loop's delay anew with each page. Before its first figure it has no minimum (9.2e9 s) and no mean (NaN). */
const unmeasured = /^nodejs_eventloop_lag\w* (?:nan|9223372036\.\d+)\n/gim;

/** Returns the metrics of the server and the process in Prometheus' text format. prom-client is loaded at the first request. */
export function metricsPage(sources: MetricsSources): () => Promise<string> {
  let registry: Promise<Registry> | undefined;
  return async () => {
    registry ??= createRegistry(sources);
    const page = await (await registry).metrics();
    return page.replace(unmeasured, "");
  };
}

async function createRegistry({ calls, stats, rateLimited, gauges = [] }: MetricsSources): Promise<Registry> {
  const { Counter, collectDefaultMetrics, Gauge, Registry: PromRegistry } = await import("prom-client");
  const registry = new PromRegistry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    name: "armorclaw_rpc_connections",
    help: "Connections that are open",
    registers,
    collect() {
      this.set(stats().connections);
    },
  });
  new Counter({
    name: "armorclaw_rpc_connections_total",
    help: "Connections by what became of them",
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      const { accepted, refused, evicted, cut, slowConsumers } = stats();
      for (const [outcome, count] of Object.entries({ accepted, refused, evicted, cut, slow_consumer: slowConsumers }))
        this.inc({ outcome }, count);
    },
  });
  new Counter({
    name: "armorclaw_rpc_invalid_lines_total",
    help: "Lines that were no requests",
    registers,
    collect() {
      this.reset();
      this.inc(stats().invalid);
    },
  });
  new Counter({
    name: "armorclaw_rpc_rate_limited_total",
    help: "Calls that were refused for their rate",
    registers,
    collect() {
      this.reset();
      this.inc(rateLimited());
    },
  });
  new Counter({
    name: "armorclaw_rpc_calls_total",
    help: "Calls that were answered, by method and error code",
    labelNames: ["method", "code"],
    registers,
    collect() {
      this.reset();
      for (const [method, { outcomes }] of calls.byMethod)
        for (const [code, count] of outcomes) this.inc({ method, code }, count);
    },
  });
  for (const source of gauges) register(source, source.isCounter === true ? Counter : Gauge, registers);
  registry.registerMetric(durations(calls) as Parameters<Registry["registerMetric"]>[0]);
  return registry;
}

function register(
  { name, help, labelNames, read }: GaugeSource,
  Metric: typeof Counter | typeof Gauge,
  registers: Registry[],
): void {
  new Metric({
    name,
    help,
    labelNames: [...labelNames],
    registers,
    async collect() {
      const figures = await read();
      this.reset();
      for (const { labels, value } of figures) this.inc(labels, value);
    },
  });
}

/** A histogram with counts from `CallMetrics`: prom-client's own histogram costs too much for each call. */
function durations(calls: CallMetrics): object {
  const name = "armorclaw_rpc_call_duration_seconds";
  const help = "Time from a call to its answer";
  const get = async () => ({
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    values: [...calls.byMethod].flatMap(([method, { durations: counts, totalMs }]) => {
      let cumulative = 0;
      const buckets = counts.map((count, index) => {
        cumulative += count;
        const labels = { method, le: durationBucketsS[index] ?? "+Inf" };
        return { metricName: `${name}_bucket`, labels, value: cumulative };
      });
      const labels = { method };
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: totalMs / 1000 },
        { metricName: `${name}_count`, labels, value: cumulative },
      ];
    }),
  });
  return { name, help, type: "histogram", aggregator: "sum", get, reset: () => undefined };
}
