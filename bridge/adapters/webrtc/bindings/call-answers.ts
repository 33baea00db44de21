import type { Principal } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { CallSession } from "../calls/call-session.ts";
import type { StartRequest } from "../calls/call-types.ts";
import type { Calls } from "../calls/calls.ts";
import { withCandidates } from "../protocol/candidates.ts";

/** The time to find the bridge's own candidates, so that an answer carries them for callers that do not trickle. */
const gatherMs = 1_000;
const matrixPrefix = "matrix:";

/** Answers a caller's offer. The answer carries the bridge's candidates. */
export async function answerOffer(calls: Calls, session: CallSession, offer: string): Promise<string> {
  const sdp = await calls.offer(session, offer, false);
  return withCandidates(sdp, await calls.gathered(session, gatherMs));
}

/** Opens a session and answers the caller's offer, where there is one. A session whose offer cannot be answered ends. */
export async function openCall(calls: Calls, principal: Principal, request: StartRequest, offer: string | undefined) {
  const opened = await calls.open(principal, { ...request, userId: speakerOf(principal, request.userId) });
  try {
    const answer = offer === undefined ? "" : await answerOffer(calls, opened.session, offer);
    return { ...opened, answer };
  } catch (error) {
    calls.end(opened.session, "error");
    throw error;
  }
}

/** A person on Matrix speaks for nobody else. @throws BridgeError FORBIDDEN */
function speakerOf({ id }: Principal, userId: string | undefined): string | undefined {
  const own = id.startsWith(matrixPrefix) ? id.slice(matrixPrefix.length) : undefined;
  if (own === undefined || userId === undefined || own === userId) return userId ?? own;
  throw new BridgeError("FORBIDDEN", `${own} may not call as ${userId}`);
}
