import type { BridgeError, ExitInfo, LoopManifest } from "@armorclaw/protocol";
import { type Clock, delay } from "../../platform/clock.ts";

/** What follows the end of a start. */
export type Verdict =
  | { readonly next: "wait"; readonly waitMs: number; readonly message: string | null; readonly isRestart: boolean }
  | { readonly next: "engine"; readonly message: string; readonly isRestart: false }
  | { readonly next: "suspend"; readonly message: null }
  | { readonly next: "rest"; readonly state: "stopped"; readonly message: string | null }
  | {
      readonly next: "rest";
      readonly state: "failed";
      readonly cause: "crash-loop" | "cannot-start" | "ended";
      readonly message: string;
    };

export interface End {
  /** Why the start failed, if it did. */
  readonly failure: BridgeError | undefined;
  /** How the container ended, when it had run. */
  readonly exit: ExitInfo | null;
  readonly restart: LoopManifest["restart"];
  /** It ended because it has nothing to do, or one that is done waits for more. */
  readonly suspends: "now" | "when-done" | "never";
  /** A failed start is tried again: the agent had run before, or nobody waits for this very start. */
  readonly mayTryAgain: boolean;
  /** It was to be taken over from an earlier bridge. */
  readonly wasAdoption: boolean;
  /** Counts a failure; the wait in milliseconds, or undefined in a crash loop. */
  readonly onFailed: () => number | undefined;
}

/** Failures that a second try cannot mend. */
const permanent: ReadonlySet<string> = new Set([
  "IMAGE_BUILD_FAILED",
  "ISOLATION_REFUSED",
  "ATTESTATION_FAILED",
  "SOCKET_PATH_TOO_LONG",
  "RUNTIME_UNKNOWN",
]);

export function judge({ failure, exit, restart, suspends, mayTryAgain, wasAdoption, onFailed }: End): Verdict {
  if (suspends === "now") return { next: "suspend", message: null };
  const why = failure?.message ?? exit?.message ?? "It ended";
  // What cannot be taken over is not to blame for it: it is started anew.
  if (failure !== undefined && wasAdoption) return { next: "wait", waitMs: 0, message: why, isRestart: true };
  if (failure !== undefined && (permanent.has(failure.code) || !mayTryAgain))
    return { next: "rest", state: "failed", cause: "cannot-start", message: why };
  if (failure?.code === "ENGINE_UNAVAILABLE") return { next: "engine", message: why, isRestart: false };
  const completed = failure === undefined && exit?.reason === "completed";
  if (restart === "never" || (restart === "on-failure" && completed)) {
    if (completed && suspends === "when-done") return { next: "suspend", message: null };
    if (completed) return { next: "rest", state: "stopped", message: why };
    return { next: "rest", state: "failed", cause: "ended", message: why };
  }
  const waitMs = onFailed();
  if (waitMs !== undefined) return { next: "wait", waitMs, message: why, isRestart: true };
  const message = `It ended too often to be started again; the last time: ${why}`;
  return { next: "rest", state: "failed", cause: "crash-loop", message };
}

/** Waits as long as the verdict says, or until the signal aborts. */
export async function untilNext(
  verdict: Verdict & { readonly next: "wait" | "engine" },
  clock: Clock,
  engineWatch: { whenBack(message: string, signal: AbortSignal): Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  if (verdict.next === "engine") await engineWatch.whenBack(verdict.message, signal);
  else await delay(clock, verdict.waitMs, signal).catch(() => undefined);
}
