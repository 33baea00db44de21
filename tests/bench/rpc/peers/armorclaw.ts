import { connect } from "@armorclaw/client-sdk";
import type { AnyMethod } from "@armorclaw/protocol";
import * as z from "zod";
import { silentLogger } from "../../../../bridge/logging/index.ts";
import { systemClock } from "../../../../bridge/platform/clock.ts";
import { loadNativeCalls } from "../../../../bridge/platform/os/peer-credentials.ts";
import type { Peer as WirePeer } from "../../../../bridge/rpc/dispatch/call.ts";
import {
  type AnyHandler,
  builtinHandlers,
  builtinMethods,
  CallMetrics,
  createControlListener,
  createMethodTable,
  createRpcServer,
  defaultRates,
  RateLimits,
} from "../../../../bridge/rpc/index.ts";
import { Base64, itemBytes } from "../../../../bridge/rpc/wire/item-text.ts";
import { fixture } from "../../../support/wire/fixture-methods.ts";
import { connectLines } from "../line-client.ts";
import { eventOf, type Peer } from "../peer.ts";

const contract: Record<string, AnyMethod> = {
  ...builtinMethods,
  echo: fixture(
    z.union([
      z.strictObject({ a: z.number(), b: z.string(), c: z.array(z.number()) }),
      z.strictObject({ s: z.string().max(2_000_000) }),
    ]),
  ),
  subscribe: fixture(z.strictObject({})),
  publish: fixture(z.strictObject({})),
  stream: fixture(z.strictObject({ count: z.int(), bytes: z.int() }), z.string()),
};

function handlers(): Record<string, AnyHandler> {
  const subscribers = new Set<WirePeer>();
  let seq = 0;
  return {
    ...builtinHandlers("0.0.0", contract),
    echo: (params: unknown) => params,
    subscribe: (_, { peer }) => {
      subscribers.add(peer);
      peer.onClose(() => subscribers.delete(peer));
      return true;
    },
    publish: () => {
      seq += 1;
      const event = { jsonrpc: "2.0", method: "event.push", params: { subscription_id: "t", event: eventOf(seq) } };
      const line = Buffer.from(`${JSON.stringify(event)}\n`);
      for (const subscriber of subscribers) subscriber.push(line);
      return true;
    },
    stream: async ({ count, bytes }: { count: number; bytes: number }, call) => {
      const piece = Buffer.alloc(bytes, 7);
      for (let sent = 0; sent < count; sent++) await call.write(new Base64(piece));
      return count;
    },
  };
}

/** Serves like the daemon: with its listener and peer credentials, limits, rate limits, validation and metrics. */
async function serve(path: string): Promise<void> {
  const native = loadNativeCalls();
  const rates = new RateLimits({ rates: defaultRates, penalty: 1, clock: systemClock });
  const server = createRpcServer({
    logger: silentLogger,
    clock: systemClock,
    hasHungUp: native?.hasHungUp,
  });
  server.serve({
    table: createMethodTable(contract, handlers()),
    policy: { authorize: rates.authorize, onAnswered: new CallMetrics().onAnswered },
  });
  await createControlListener({ path, server, native, logger: silentLogger, directory: "given" }).start();
}

/** Uses the client of the raw echo, except that it writes the requests of one tick together. */
export const armorclaw: Peer = {
  pushes: true,
  serve,
  connect: (path, inFlight) => connectLines(path, true, inFlight),
};

/** Uses the SDK, whose subscriptions are for the daemon's events. */
export const armorclawSdk: Peer = {
  pushes: false,
  serve,
  async connect(path) {
    const client = await connect({ socketPath: path, reconnect: false });
    return {
      request: (method, params) => client.call(method, params),
      onEvent: () => undefined,
      async stream(bytes) {
        let received = 0;
        for await (const piece of client.stream("stream", { count: bytes / itemBytes, bytes: itemBytes }))
          received += Buffer.from(String(piece), "base64").length;
        return received;
      },
    };
  },
};
