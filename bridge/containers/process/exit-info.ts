import { constants } from "node:os";
import type { ExitInfo } from "@armorclaw/protocol";

export interface RawExit {
  /** The exit code as a shell reports it: 128 + the signal's number after a signal. Null when unknown. */
  readonly code: number | null;
  readonly signal?: string | null;
  /** The kernel killed a process in the container because memory was full. */
  readonly oomKilled?: boolean;
  /** Why the container could not start, where the engine reported it. */
  readonly startFailure?: string;
}

/** Describes in words how a container ended. */
export function explainExit(raw: RawExit): ExitInfo {
  const signal = raw.signal ?? signalOf(raw.code);
  const code = raw.code ?? codeOf(signal);
  const info = (reason: ExitInfo["reason"], message: string): ExitInfo => ({ code, signal, reason, message });
  if (raw.startFailure !== undefined) return info("could-not-start", `It could not start: ${raw.startFailure}`);
  if (code === null) return info("unknown", "How it ended is not known");
  if (code === 0) return info("completed", "It finished");
  if (raw.oomKilled === true && signal === "SIGKILL")
    return info("oom", "The kernel killed it: it used more memory than its limit");
  if (signal === "SIGKILL") return info("killed", "It was killed (SIGKILL)");
  if (signal === "SIGTERM") return info("signal", "It ended on a request to stop (SIGTERM)");
  if (signal !== null && crashSignals.has(signal))
    return info("error", `It crashed (${signal}): the JavaScript heap was full or Node hit a fatal error`);
  if (signal !== null) return info("signal", `It was ended by ${signal}`);
  if (code >= 126 && code <= 128) return info("could-not-start", `It could not start (exit code ${code})`);
  return info("error", `It ended with exit code ${code}`);
}

/** The signals of a fatal error in V8 or Node: abort, trap, or the fault that follows an abort, which pid 1 cannot receive. */
const crashSignals: ReadonlySet<string> = new Set(["SIGABRT", "SIGTRAP", "SIGSEGV", "SIGILL", "SIGBUS"]);

function signalOf(code: number | null): string | null {
  if (code === null || code <= 128) return null;
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0] ?? null;
}

function codeOf(signal: string | null): number | null {
  const number = Object.entries(constants.signals).find(([name]) => name === signal)?.[1];
  return number === undefined ? null : 128 + number;
}
