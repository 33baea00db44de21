import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { describeOnEngines } from "../support/engines/engines.ts";
import { agentAttacks } from "../support/engines/hostile-attacks.ts";
import { type HostileAgent, type HostileBridge, startHostileBridge } from "../support/engines/hostile-bridge.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { bestP99, p99Of } from "../support/wire/bystander.ts";
import { WireClient } from "../support/wire/wire-client.ts";

/** Below these, a difference belongs to the machine and to the collector, not to the bridge. */
const floorMs = 15;
const floorMib = 400;
const roundMs = 200;

/** What the attacker alone is harmed by. */
const own = ["CLOSED", "NO_ANSWER", "refused"];

const config = `
[llm.providers.none]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
models = ["m"]
[llm.policies.heartbeat]
models = ["*"]
[webrtc]
enabled = true
`;

/** What an operator and an agent beside the attacker measure. */
interface Bystanders {
  readonly operatorMs: number;
  readonly agentMs: number;
}

const worst = ({ operatorMs, agentMs }: Bystanders): number => Math.max(operatorMs, agentMs);
const boundMs = (quiet: readonly Bystanders[]): number => 2 * Math.max(floorMs, ...quiet.map(worst));
const inWords = ({ operatorMs, agentMs }: Bystanders): string =>
  `of the operator ${operatorMs.toFixed(1)} ms, of an agent ${agentMs.toFixed(1)} ms`;

const residentMib = (pid: number): number =>
  (Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4_096) / 1_048_576;

class World implements AsyncDisposable {
  readonly bridge: HostileBridge;
  readonly attacker: HostileAgent;
  readonly bystander: HostileAgent;
  readonly #line: WireClient;
  #published = 0;

  constructor(bridge: HostileBridge, attacker: HostileAgent, bystander: HostileAgent, line: WireClient) {
    this.bridge = bridge;
    this.attacker = attacker;
    this.bystander = bystander;
    this.#line = line;
  }

  get published(): number {
    return this.#published;
  }

  /** The best of some rounds, since other work on the machine spoils rounds. */
  async measure(goalMs = Number.POSITIVE_INFINITY): Promise<Bystanders> {
    const code = `globalThis.own ??= await openServed(); return await p99(globalThis.own, "rpc.ping", ${roundMs})`;
    const [operatorMs, agentMs] = await Promise.all([
      bestP99(() => p99Of(this.#line, "rpc.ping"), goalMs),
      bestP99(async () => Number(await this.bystander.run(code)), goalMs),
    ]);
    return { operatorMs, agentMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line[Symbol.asyncDispose]();
  }

  /** What people and the other agent do all day still works. */
  async work(): Promise<void> {
    const { client } = this.bridge.daemon;
    const { task } = await client.task.create({ title: "Sort", agent_id: this.bystander.id });
    const done = await this.bystander.run(`
      globalThis.own ??= await openServed();
      const { result } = await own.call("task.claim");
      const update = await own.call("task.update", { task_id: result.task.task_id, outcome: "done" });
      const published = await own.call("event.publish", { channel: \`agent.\${agentId}.work\`, type: "work.done", data: {} });
      return [result.task.task_id, update.code, published.code];
    `);
    expect(done).toEqual([task.task_id, "ok", "ok"]);
    this.#published += 1;
    await client.keystore.store({ provider: "custom", id: "work", token: "secret" });
    await client.keystore.delete({ id: "work" });
  }
}

async function enter(bridge: HostileBridge): Promise<World> {
  const attacker = await bridge.startAgent();
  const bystander = await bridge.startAgent();
  await bridge.startAgent();
  return new World(bridge, attacker, bystander, await WireClient.open(bridge.daemon.socket));
}

describeOnEngines(
  "a hostile agent",
  (engine, env) => {
    test("harms nobody but itself, whatever it floods", async () => {
      using directory = tempDirectory();
      const path = join(directory.path, "armorclaw.toml");
      writeFileSync(path, config);
      await using bridge = await startHostileBridge({ engine, env: env(), flags: ["--config", path] });
      await using world = await enter(bridge);
      const { client, pid } = bridge.daemon;
      const kept = client.subscribe({ channels: [`agent.${world.bystander.id}.work`], name: "witness" });
      await kept.ready;
      await world.work();
      const quiet = [await world.measure()];
      const mibMax = 1.3 * Math.max(residentMib(pid), floorMib);
      const problems: string[] = [];
      let attacked = 0;
      for (const { name, code, outcomes } of agentAttacks) {
        await world.attacker.begin(code);
        const among = await world.measure(boundMs(quiet));
        await world.work();
        const counts = await world.attacker.end();
        const mib = residentMib(pid);
        // Other work on the machine may have begun since: what is quiet now counts, too.
        if (worst(among) >= boundMs(quiet)) quiet.push(await world.measure());
        process.stderr.write(
          `hostile agent (${engine}): ${name}: p99 ${inWords(among)}, ${mib.toFixed(0)} MiB; ${JSON.stringify(counts)}\n`,
        );
        if (worst(among) >= boundMs(quiet))
          problems.push(`${name}: p99 ${inWords(among)}, quiet ${quiet.map(inWords)}`);
        if (mib >= mibMax) problems.push(`${name}: ${mib} MiB of at most ${mibMax}`);
        const seen = Object.keys(counts).filter((code) => !own.includes(code));
        if (seen.length > 0) attacked += 1;
        if (!seen.every((code) => outcomes.includes(code))) problems.push(`${name}: ${seen}`);
      }
      expect(problems).toEqual([]);
      // An attack may end the attacker before it has counted anything.
      expect(attacked).toBeGreaterThan(agentAttacks.length / 2);
      const { events } = await until("all that was published", async () => {
        const page = await client.event.history({ channels: [`agent.${world.bystander.id}.work`] });
        return page.events.length === world.published ? page : undefined;
      });
      let seen = 0;
      for await (const event of kept) {
        await kept.ack(event);
        seen += 1;
        if (seen === events.length) break;
      }
      expect(seen).toBe(agentAttacks.length + 1);
    }, 240_000);
  },
  ["sandbox", "docker"],
);
