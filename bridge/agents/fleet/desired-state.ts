import { AgentId, type LoopManifest } from "@armorclaw/protocol";
import type { Clock } from "../../platform/clock.ts";
import type { AgentRecord, AgentRecords } from "../instance/store.ts";
import type { Loops } from "./loops.ts";

/** The names and slots that agents of this bridge use. */
export interface Taken {
  readonly names: readonly string[];
  readonly slots: readonly number[];
}

/** The agents that should run: those on record, and the default set of the configuration. */
export class DesiredState {
  readonly #records: AgentRecords;
  readonly #loops: Loops;
  readonly #defaultSet: readonly string[];
  readonly #clock: Clock;

  constructor(records: AgentRecords, loops: Loops, defaultSet: readonly string[], clock: Clock) {
    this.#records = records;
    this.#loops = loops;
    this.#defaultSet = defaultSet;
    this.#clock = clock;
  }

  /** The records of agents that should run. An agent that the configuration no longer has is set to rest. */
  async wanted(): Promise<readonly AgentRecord[]> {
    const places = [...this.#defaultSet];
    const wanted: AgentRecord[] = [];
    for (const record of this.#recorded()) {
      const place = record.origin === "default" ? places.indexOf(record.loop) : -1;
      if (place >= 0) places.splice(place, 1);
      const isWanted = record.origin === "operator" || place >= 0;
      if (isWanted && this.#loops.find(record.loop) !== undefined) wanted.push(record);
      else await this.#records.put({ ...record, desired: "rest" });
    }
    return wanted;
  }

  /** The loops of the default set that have no agent on record. */
  missingOfDefaultSet(): readonly string[] {
    const missing = [...this.#defaultSet];
    for (const { origin, loop } of this.#recorded()) {
      const place = origin === "default" ? missing.indexOf(loop) : -1;
      if (place >= 0) missing.splice(place, 1);
    }
    return missing;
  }

  /** A record for a new agent, with a free name and slot. The agent is desired once it is started. */
  newRecord(
    manifest: LoopManifest,
    origin: AgentRecord["origin"],
    taken: Taken,
    name?: AgentId,
    ttlMs: number | undefined = manifest.ttl_ms,
  ): AgentRecord {
    const reserved = this.#recorded();
    const agentId = name ?? freeName(manifest.name, [...taken.names, ...reserved.map((record) => record.agentId)]);
    const now = this.#clock.now();
    return {
      agentId,
      loop: manifest.name,
      origin,
      desired: "rest",
      slot: lowestFree([...taken.slots, ...reserved.map(({ slot }) => slot)]),
      epoch: this.#records.get(agentId)?.epoch ?? 0,
      isPaused: false,
      isSuspended: false,
      restarts: 0,
      createdAtMs: now,
      expiresAtMs: ttlMs === undefined ? null : now + ttlMs,
    };
  }

  #recorded(): readonly AgentRecord[] {
    return this.#records.all().filter(({ desired }) => desired === "run");
  }
}

function freeName(loop: string, taken: readonly string[]): AgentId {
  for (let number = 1; ; number++) {
    const name = `${loop}-${number}`;
    if (!taken.includes(name)) return AgentId.parse(name);
  }
}

function lowestFree(taken: readonly number[]): number {
  const used = new Set(taken);
  let slot = 0;
  while (used.has(slot)) slot += 1;
  return slot;
}
