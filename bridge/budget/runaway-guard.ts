import { createHash } from "node:crypto";
import type { EventEnvelope } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { type DurableEventLog, subscribeLive } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import { BoundedMap } from "../platform/bounded-map.ts";
import type { Clock } from "../platform/clock.ts";

export interface RunawayLimits {
  readonly callsPerMinuteMax: number;
  /** More identical calls within one run count as a loop. */
  readonly identicalCallsMax: number;
  /** Calls in a row without any other action of the agent. */
  readonly callsWithoutProgressMax: number;
  /** Counted from the first call of the run. */
  readonly runMsMax: number;
  /** Whether a call needs new input since the last turn. */
  readonly idleGate: boolean;
  /** How long, and for how many calls, one new input is enough. */
  readonly turnMs: number;
  readonly turnCallsMax: number;
}

export interface CallFacts {
  readonly agent: string;
  readonly run: string;
  /** The request as it will be sent. */
  readonly request: string;
  /** What the agent looked at before the call, as the agent sums it up; a new text is new input. */
  readonly state?: string | undefined;
}

export type RunawayLimitName = "calls_per_minute" | "identical_calls" | "no_progress" | "run_time";

const minuteMs = 60_000;
/** Different calls that are remembered of one run; the oldest is dropped first. */
const fingerprintsMax = 256;
/** Agents that are remembered; the one that started its run longest ago is dropped first. */
const agentsMax = 2_000;

interface Track {
  run: string;
  startedAtMs: number;
  recent: number[];
  readonly fingerprints: BoundedMap<string, number>;
  withoutProgress: number;
  state: string | undefined;
  /** The turn that the last change opened. */
  turn: { readonly untilMs: number; calls: number } | undefined;
  hasChange: boolean;
}

/** Refuses the calls of a runaway agent, even where its budget has room. Each limit counts one agent. */
export class RunawayGuard {
  readonly #clock: Clock;
  readonly #tracks = new BoundedMap<string, Track>(agentsMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Admits one call of an agent.
   * @throws BridgeError RUNAWAY_LIMIT, NO_NEW_INPUT
   */
  admit(facts: CallFacts, settings: RunawayLimits): void {
    const nowMs = this.#clock.monotonic();
    const track = this.#trackOf(facts, nowMs);
    const fingerprint = createHash("sha256").update(facts.request).digest("base64");
    const same = (track.fingerprints.get(fingerprint) ?? 0) + 1;
    track.recent = track.recent.filter((atMs) => nowMs - atMs < minuteMs);
    const oldest = track.recent[0];
    if (track.recent.length >= settings.callsPerMinuteMax && oldest !== undefined) {
      throw limitReached(facts, "calls_per_minute", settings.callsPerMinuteMax, Math.ceil(minuteMs - (nowMs - oldest)));
    }
    if (nowMs - track.startedAtMs >= settings.runMsMax) throw limitReached(facts, "run_time", settings.runMsMax);
    if (same > settings.identicalCallsMax) throw limitReached(facts, "identical_calls", settings.identicalCallsMax);
    if (track.withoutProgress >= settings.callsWithoutProgressMax) {
      throw limitReached(facts, "no_progress", settings.callsWithoutProgressMax);
    }
    if (settings.idleGate) takeTurn(track, facts, settings, nowMs);
    track.recent.push(nowMs);
    track.withoutProgress += 1;
    track.fingerprints.set(fingerprint, same);
  }

  /** The agent did something besides calling a model. */
  progressed(agent: string): void {
    const track = this.#tracks.get(agent);
    if (track !== undefined) track.withoutProgress = 0;
  }

  /** The agent received new input, such as a message, an event or a decision. */
  changed(agent: string): void {
    const track = this.#tracks.get(agent) ?? this.#create(agent, undefined, this.#clock.monotonic());
    track.hasChange = true;
  }

  #trackOf({ agent, run }: CallFacts, nowMs: number): Track {
    const known = this.#tracks.get(agent);
    if (known !== undefined && (known.run === run || known.run === "")) {
      if (known.run === "") Object.assign(known, { run, startedAtMs: nowMs });
      return known;
    }
    return this.#create(agent, known, nowMs, run);
  }

  /** A new run starts with no calls, but keeps the calls of the last minute and what the agent looked at. */
  #create(agent: string, before: Track | undefined, nowMs: number, run = ""): Track {
    const track: Track = {
      run,
      startedAtMs: nowMs,
      recent: before?.recent ?? [],
      fingerprints: new BoundedMap(fingerprintsMax),
      withoutProgress: 0,
      state: before?.state,
      turn: before?.turn,
      hasChange: before?.hasChange ?? false,
    };
    this.#tracks.set(agent, track);
    return track;
  }
}

/** New input opens a turn, which has a number of calls and a time. A call outside a turn is refused. */
function takeTurn(
  track: Track,
  { agent, state }: CallFacts,
  { turnMs, turnCallsMax }: RunawayLimits,
  nowMs: number,
): void {
  const hasNewState = state !== undefined && state !== track.state;
  if (track.hasChange || hasNewState) {
    track.turn = { untilMs: nowMs + turnMs, calls: 0 };
    track.hasChange = false;
    if (hasNewState) track.state = state;
  }
  const { turn } = track;
  if (turn === undefined || nowMs >= turn.untilMs || turn.calls >= turnCallsMax) {
    throw new BridgeError(
      "NO_NEW_INPUT",
      `${agent} received nothing new since its last turn, so that a model call is refused`,
    );
  }
  turn.calls += 1;
}

function limitReached(
  { agent, run }: CallFacts,
  name: RunawayLimitName,
  limit: number,
  retryAfterMs?: number,
): BridgeError {
  const sentences: Record<RunawayLimitName, string> = {
    calls_per_minute: `${agent} made ${limit} calls within a minute, which is the limit`,
    identical_calls: `${agent} made the same call ${limit} times in the run ${run}, which is the limit`,
    no_progress: `${agent} made ${limit} calls and did nothing else, which is the limit`,
    run_time: `The run ${run} of ${agent} is older than ${limit} ms, which is the limit`,
  };
  const retry = retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs };
  return new BridgeError("RUNAWAY_LIMIT", sentences[name], { limit: name, max: limit, run, ...retry });
}

/** Reports to the guard what reaches an agent, which is a reason to call a model, and what the agent publishes, which is progress. */
export function runawayWatch(log: DurableEventLog, guard: RunawayGuard): Service {
  let subscription: { close(): void } | undefined;
  const push = ({ channel, type, source, data }: EventEnvelope) => {
    const agentId = channel.split(".")[1] ?? "";
    const isFirstStart = type === "agent.started" && data["epoch"] === 1;
    if (source !== `agent:${agentId}` || isFirstStart) guard.changed(agentId);
    else if (!type.startsWith("agent.")) guard.progressed(agentId);
  };
  const sink = { push, writable: () => undefined, onGap: () => undefined, onEnd: () => undefined };
  return {
    name: "reasons to call",
    start: async () => {
      subscription = subscribeLive(log, { channels: ["agent.>"] }, sink, {});
    },
    stop: async () => subscription?.close(),
  };
}
