import type { Clock, Timer } from "../platform/clock.ts";
import type { Service } from "./lifecycle.ts";

const lookEveryMs = 100;
/** Longer than any of the bridge's own work. A person notices it. */
const stallMs = 250;
/** One event for the stalls of so long, so that a flood of them is no flood of events. */
const reportEveryMs = 10_000;
/** A process that got less of the processor than this part of a stall was kept waiting by the machine. */
const ownPart = 0.5;
const windowMs = 600_000;
const keptMax = 256;
/** The stalls of a minute, all together, from which on the bridge is not well. */
const unwellMs = 10_000;

/** Work for one peer. */
export interface LoopWork {
  readonly principal: string;
  readonly method: string;
  readonly bytes: number;
  readonly ms: number;
}

export interface LoopStall {
  readonly atMs: number;
  readonly ms: number;
  /** Processor time of the whole process meanwhile. */
  readonly cpuMs: number;
  /** The longest work for a peer in that time; undefined when it does not explain the stall. */
  readonly work: LoopWork | undefined;
}

/** Stalls that an event reports: the longest, and how many there were. */
export interface LoopReport {
  readonly stalled_ms: number;
  readonly count: number;
  readonly cpu_ms: number;
  readonly principal: string | null;
  readonly method: string | null;
  readonly bytes: number;
}

export interface LoopMonitorOptions {
  readonly clock: Clock;
  readonly logger: {
    warn(fields: object, message: string): void;
    debug(fields: object, message: string): void;
  };
  readonly publish: (report: LoopReport) => void;
  /** Processor time that the process has used. */
  readonly cpuMs: () => number;
}

/** Notices when the bridge's one thread has stood still for longer than 250 ms, and reports what ran. */
export class LoopMonitor implements Service {
  readonly name = "loop monitor";
  readonly #options: LoopMonitorOptions;
  /** Of the last ten minutes, oldest first. */
  #recent: LoopStall[] = [];
  #unreported: LoopStall[] = [];
  #longest: LoopWork | undefined;
  #timer: Timer | undefined;
  #lookedAtMs = 0;
  #cpuAtMs = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #stalls = 0;
  #stalledMs = 0;

  constructor(options: LoopMonitorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { clock, cpuMs } = this.#options;
    this.#lookedAtMs = clock.monotonic();
    this.#cpuAtMs = cpuMs();
    this.#timer = clock.every(lookEveryMs, () => this.#look());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  /** Takes note of work that kept the thread for long. */
  note(work: LoopWork): void {
    if (work.ms > (this.#longest?.ms ?? 0)) this.#longest = work;
  }

  /** Since the start. */
  get totals(): { readonly stalls: number; readonly stalledMs: number } {
    return { stalls: this.#stalls, stalledMs: this.#stalledMs };
  }

  /** What a person is to know of the last ten minutes, in a sentence. */
  get state(): { readonly isWell: boolean; readonly message: string } {
    const now = this.#options.clock.monotonic();
    const recent = this.#recent.filter(({ atMs }) => now - atMs < windowMs);
    const [longest] = recent.toSorted((a, b) => b.ms - a.ms);
    if (longest === undefined)
      return { isWell: true, message: `Nothing has kept it for ${stallMs} ms in the last ten minutes` };
    const lastMinute = recent.filter(({ atMs }) => now - atMs < 60_000).reduce((sum, { ms }) => sum + ms, 0);
    const { work } = longest;
    const what = work === undefined ? "" : `, by ${work.method || "a line"} of ${work.principal}`;
    const message = `It stood still ${recent.length} times in the last ten minutes, at most ${Math.round(longest.ms)} ms${what}`;
    return { isWell: lastMinute < unwellMs, message };
  }

  #look(): void {
    const { clock, cpuMs, logger } = this.#options;
    const now = clock.monotonic();
    const ms = now - this.#lookedAtMs;
    this.#lookedAtMs = now;
    const work = this.#longest;
    this.#longest = undefined;
    const used = cpuMs();
    const cpu = used - this.#cpuAtMs;
    this.#cpuAtMs = used;
    if (ms >= stallMs) {
      const explains = work !== undefined && work.ms >= ms / 2;
      const stall: LoopStall = { atMs: now, ms, cpuMs: cpu, work: explains ? work : undefined };
      const facts = { stalledMs: Math.round(ms), cpuMs: Math.round(stall.cpuMs), ...stall.work };
      if (stall.cpuMs >= ms * ownPart) {
        logger.warn(facts, "The bridge's thread stood still");
        this.#keep(stall);
      } else logger.debug(facts, "The machine did not let the bridge run");
    }
    this.#report(now);
  }

  #keep(stall: LoopStall): void {
    this.#stalls += 1;
    this.#stalledMs += stall.ms;
    this.#unreported.push(stall);
    this.#recent = [...this.#recent.slice(1 - keptMax), stall];
  }

  #report(now: number): void {
    const [longest] = this.#unreported.toSorted((a, b) => b.ms - a.ms);
    if (longest === undefined || now - this.#reportedAtMs < reportEveryMs) return;
    this.#reportedAtMs = now;
    const { ms, cpuMs, work } = longest;
    const count = this.#unreported.length;
    this.#unreported = [];
    this.#options.publish({
      stalled_ms: Math.round(ms),
      count,
      cpu_ms: Math.round(cpuMs),
      principal: work?.principal ?? null,
      method: work?.method ?? null,
      bytes: work?.bytes ?? 0,
    });
  }
}
