import type { Clock } from "../../../platform/clock.ts";
import { openTurnConnection, parseTurnUrl, type TurnConnection } from "./turn-connection.ts";
import { type TurnSettings, turnCredentials } from "./turn-credentials.ts";
import { allocateRequest, readAnswer, releaseRequest, type TurnChallenge } from "./turn-messages.ts";

/**
 * `allocated`: callers can use the relay. `refused`: it does not accept the bridge's credentials. `open`: it relays for anyone.
 * `unreachable`: nothing answers. `failed`: it answers with another error.
 */
export type TurnOutcome = "allocated" | "refused" | "open" | "unreachable" | "failed";

export interface TurnFinding {
  readonly url: string;
  readonly outcome: TurnOutcome;
  /** The answer of the relay, or the error of the system. */
  readonly message: string;
}

const deadlineMs = 4_000;
const unauthorized = 401;
const staleNonce = 438;

/** Requests an allocation from each relay, with credentials as callers get them, and releases it. */
export const checkTurn = (settings: TurnSettings, clock: Clock): Promise<TurnFinding[]> =>
  Promise.all(settings.urls.map(async (url) => ({ url, ...(await checkOne(url, settings, clock)) })));

async function checkOne(url: string, settings: TurnSettings, clock: Clock): Promise<Omit<TurnFinding, "url">> {
  const address = parseTurnUrl(url);
  if (address === undefined) return { outcome: "failed", message: "it is no address of a relay" };
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    using line = await openTurnConnection(address, clock, signal);
    return await allocate(line, settings, clock);
  } catch (error) {
    return { outcome: "unreachable", message: signal.aborted ? `no answer within ${deadlineMs} ms` : wordsOf(error) };
  }
}

async function allocate(line: TurnConnection, settings: TurnSettings, clock: Clock): Promise<Omit<TurnFinding, "url">> {
  const startedAtMs = clock.monotonic();
  const first = readAnswer(await line.ask(allocateRequest()));
  if (first.kind === "success") {
    await line.ask(releaseRequest(undefined));
    return { outcome: "open", message: "it gives a relay to anyone, without credentials" };
  }
  const { challenge } = first;
  if (first.code !== unauthorized || challenge === undefined) return failed(first);
  const credentials = turnCredentials(settings, "doctor", clock.now());
  if (credentials === undefined) return { outcome: "failed", message: "the bridge has no secret for it" };
  const proofOf = (asked: TurnChallenge) => ({ ...credentials, realm: asked.realm, nonce: asked.nonce });
  const second = readAnswer(await line.ask(allocateRequest(proofOf(challenge))));
  if (second.kind === "success") {
    await line.ask(releaseRequest(proofOf(challenge)));
    const ms = Math.round(clock.monotonic() - startedAtMs);
    return { outcome: "allocated", message: `it gave a relay of realm ${challenge.realm} within ${ms} ms` };
  }
  if (second.code === unauthorized || second.code === staleNonce)
    return { outcome: "refused", message: `it refuses the bridge's credentials (${second.code} ${second.reason})` };
  return failed(second);
}

const failed = ({ code, reason }: { readonly code: number; readonly reason: string }) => ({
  outcome: "failed" as const,
  message: `it answers ${code} ${reason}`.trim(),
});

const systemWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name could not be looked up",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  ECONNRESET: "it closed the connection",
};

function wordsOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return systemWords[code ?? ""] ?? message;
}
