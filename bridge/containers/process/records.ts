import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ContainerId } from "@armorclaw/protocol";
import * as z from "zod";
import { bootId, startTicks } from "../kernel/proc.ts";

const ProcessRecord = z.object({
  install_id: z.string(),
  boot_id: z.string(),
  container_id: ContainerId,
  agent_id: z.string(),
  epoch: z.int(),
  pid: z.int(),
  start_ticks: z.string(),
});
export type ProcessRecord = z.output<typeof ProcessRecord>;

/**
 * Records of containers that no container daemon manages: one file each, so that a later bridge finds what an earlier one
 * started. A pid alone may have been reused; with the boot id and the start time it identifies one process.
 */
export class ProcessRecords {
  readonly #directory: string;
  readonly #installId: string;
  /** A cache of the files: a container's record never changes. */
  #parsed = new Map<string, ProcessRecord>();

  constructor(directory: string, installId: string) {
    this.#directory = directory;
    this.#installId = installId;
  }

  write(entry: Pick<ProcessRecord, "container_id" | "agent_id" | "epoch" | "pid">): void {
    const record: ProcessRecord = {
      ...entry,
      install_id: this.#installId,
      boot_id: bootId(),
      start_ticks: startTicks(entry.pid) ?? "ended",
    };
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const path = this.#path(entry.container_id);
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#parsed.delete(basename(path));
  }

  delete(id: string): void {
    rmSync(this.#path(id), { force: true });
  }

  list(): readonly ProcessRecord[] {
    let names: string[];
    try {
      names = readdirSync(this.#directory);
    } catch {
      return [];
    }
    const records = names.filter((name) => name.endsWith(".json")).flatMap((name) => this.#read(name));
    this.#parsed = new Map(records.map((record) => [`${record.container_id}.json`, record]));
    return records.filter((record) => record.install_id === this.#installId);
  }

  #read(name: string): readonly ProcessRecord[] {
    const known = this.#parsed.get(name);
    return known === undefined ? parse(join(this.#directory, name)) : [known];
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

export function isRunning(record: ProcessRecord): boolean {
  return record.boot_id === bootId() && record.start_ticks === startTicks(record.pid);
}

/** A record that was cut off by a crash is ignored: its process ended with the bridge that wrote it. */
function parse(path: string): readonly ProcessRecord[] {
  try {
    return [ProcessRecord.parse(JSON.parse(readFileSync(path, "utf8")))];
  } catch {
    return [];
  }
}
