// Measures how long a message takes from the homeserver to a subscriber of the bridge and to an agent's handler, and from `matrix.send`
// to the homeserver.
// Prints a table, or with --json one object.
import { setTimeout as sleep } from "node:timers/promises";
import { startMatrixWorld } from "../support/matrix/matrix-daemon.ts";
import { provideSynapse } from "../support/matrix/synapse.ts";

const count = 200;

const missing = await provideSynapse(process.env, (line) => process.stderr.write(`${line}\n`));
if (missing === undefined) await measure();
else {
  process.stderr.write(`${missing}\n`);
  process.exitCode = 1;
}

async function measure(): Promise<void> {
  await using world = await startMatrixWorld({
    start: ["heartbeat"],
    config: ({ room }) => `[loops.heartbeat]\nrooms = ["${room}"]\n`,
  });
  await using bridge = await world.startBridge({ flags: ["--set", "allow_unsandboxed=true"] });
  await world.logIn(bridge);
  const { ann, room } = world;
  const answeredAt: number[] = [];
  const arrivedAt: number[] = [];
  const heardAt: number[] = [];
  const subscription = bridge.client.subscribe({
    channels: ["matrix.*.message"],
    filter: { types: ["matrix.message"] },
  });
  // The messages that the agent's handler received, with their times. Both sides run on one machine, so they share a clock.
  const heard = bridge.client.subscribe({
    channels: ["agent.heartbeat-1.received"],
    filter: { data: { event_type: "matrix.message" } },
  });
  await Promise.all([subscription.ready, heard.ready]);
  const hearing = (async () => {
    for await (const { data } of heard) {
      heardAt.push(Number(data["received_at_ms"]) - performance.timeOrigin);
      if (heardAt.length === count) return;
    }
  })();
  const reading = (async () => {
    for await (const _ of subscription) {
      arrivedAt.push(performance.now());
      if (arrivedAt.length === count) return;
    }
  })();
  for (let n = 0; n < count; n += 1) {
    const content = { msgtype: "m.text", body: `message ${n}` };
    await ann.adapter.send(
      { roomId: room, type: "m.room.message", content, transactionId: `n${n}` },
      AbortSignal.timeout(20_000),
    );
    answeredAt.push(performance.now());
    await sleep(20);
  }
  await Promise.all([reading, hearing]);
  const outwards: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const startedAt = performance.now();
    await bridge.client.call("matrix.send", { room_id: room, message: `answer ${n}` });
    outwards.push(performance.now() - startedAt);
  }
  // The time counts from the homeserver's answer to the sender; a subscriber may receive the message earlier.
  const sinceAnswered = (at: number, n: number) => Math.max(0, at - (answeredAt[n] ?? at));
  const figures = {
    messages: count,
    homeserver_to_subscriber_ms: spread(arrivedAt.map(sinceAnswered)),
    homeserver_to_agents_handler_ms: spread(heardAt.map(sinceAnswered)),
    send_to_homeserver_ms: spread(outwards),
  };
  if (process.argv.includes("--json")) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else for (const [name, value] of Object.entries(figures)) process.stdout.write(`${name}: ${JSON.stringify(value)}\n`);
}

function spread(samples: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) * 10) / 10;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
