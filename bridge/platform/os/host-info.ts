import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, cpus, freemem, loadavg, totalmem, uptime } from "node:os";

export interface HostReading {
  readonly cpus: number;
  /** The use of all processors since the last reading; null at the first reading. */
  readonly cpuPercent: number | null;
  readonly load: readonly [number, number, number];
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  readonly diskTotalBytes: number;
  readonly diskFreeBytes: number;
  readonly uptimeS: number;
}

/** Reads the host's resources and their use. */
export class HostMeter {
  readonly #diskPath: string;
  #before: { idle: number; total: number } | undefined;
  #cpuPercent: number | null = null;

  /** @param diskPath the file system whose space is reported */
  constructor(diskPath: string) {
    this.#diskPath = diskPath;
  }

  async read(): Promise<HostReading> {
    const [disk, memoryAvailableBytes] = await Promise.all([statfs(this.#diskPath), availableMemory()]);
    const [one = 0, five = 0, fifteen = 0] = loadavg();
    return {
      cpus: availableParallelism(),
      cpuPercent: this.#readCpu(),
      load: [one, five, fifteen],
      memoryTotalBytes: totalmem(),
      memoryAvailableBytes,
      diskTotalBytes: disk.blocks * disk.bsize,
      diskFreeBytes: disk.bavail * disk.bsize,
      uptimeS: Math.floor(uptime()),
    };
  }

  #readCpu(): number | null {
    const now = { idle: 0, total: 0 };
    for (const { times } of cpus()) {
      now.idle += times.idle;
      now.total += times.user + times.nice + times.sys + times.irq + times.idle;
    }
    const before = this.#before;
    // The counters move in ticks of 10 ms, so that two readings in quick succession give no useful figure.
    if (before !== undefined && now.total - before.total < 200) return this.#cpuPercent;
    this.#before = now;
    if (before !== undefined) {
      const busy = 1 - (now.idle - before.idle) / (now.total - before.total);
      this.#cpuPercent = Math.round(Math.min(1, Math.max(0, busy)) * 1000) / 10;
    }
    return this.#cpuPercent;
  }
}

/** The memory that programs can still allocate, reclaimable cache included. */
async function availableMemory(): Promise<number> {
  if (process.platform !== "linux") return freemem();
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(await readFile("/proc/meminfo", "utf8"));
  return match === null ? freemem() : Number(match[1]) * 1024;
}
