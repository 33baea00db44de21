import type { CallEndReason } from "@armorclaw/protocol";
import type { MediaEvent } from "../protocol/media-protocol.ts";
import { about } from "./call-credentials.ts";
import type { CallRecords } from "./call-records.ts";
import type { CallSession } from "./call-session.ts";

/** Takes over into the session what its media tells. @returns why the call is to end, if it is */
export function follow(session: CallSession, event: MediaEvent, records: CallRecords): CallEndReason | undefined {
  if (event.kind === "candidate") {
    if (event.candidate === null) session.isGathered = true;
    else session.candidates.push(event.candidate);
  } else if (event.kind === "state") {
    if (event.state === "connected") session.connected();
    else if (event.state === "disconnected") session.lost();
    else if (event.state === "failed") return "ice_failed";
  } else if (event.kind === "silence") {
    if (event.silence === "lost") return "media_timeout";
    if (event.silence === "restart") session.lost();
    else records.note({ event: event.silence === "resumed" ? "media.resumed" : "media.stalled", ...about(session) });
    if (event.silence === "resumed") session.connected();
  }
  return undefined;
}
