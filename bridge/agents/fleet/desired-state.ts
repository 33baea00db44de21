import type { AgentRecord, AgentRecords } from "../instance/store.ts";
import type { Loops } from "./loops.ts";

/** The agents that should run: those on record, and the default set of the configuration. */
export class DesiredState {
  readonly #records: AgentRecords;
  readonly #loops: Loops;
  readonly #defaultSet: readonly string[];

  constructor(records: AgentRecords, loops: Loops, defaultSet: readonly string[]) {
    this.#records = records;
    this.#loops = loops;
    this.#defaultSet = defaultSet;
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

  #recorded(): readonly AgentRecord[] {
    return this.#records.all().filter(({ desired }) => desired === "run");
  }
}
