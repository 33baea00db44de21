import type { CallRecords } from "../calls/call-records.ts";
import type { Calls } from "../calls/calls.ts";

/** The time to find the bridge's own candidates. */
const gatherMs = 1_000;

interface Refusal {
  readonly why: string;
  readonly roomId: string;
  readonly sender: string;
  readonly code?: string | undefined;
}

/** The media of sessions, for the signaling in rooms. It is made before the calls, which report their ends to the signaling. */
export class RoomMedia {
  readonly #records: CallRecords;
  #calls: Calls | undefined;

  constructor(records: CallRecords) {
    this.#records = records;
  }

  serve(calls: Calls): void {
    this.#calls = calls;
  }

  isLive(sessionId: string): boolean {
    return this.#calls?.findLive(sessionId) !== undefined;
  }

  async addCandidate(sessionId: string, candidate: string): Promise<void> {
    const session = this.#calls?.findLive(sessionId);
    if (session !== undefined) await this.#calls?.addCandidate(session, candidate);
  }

  async ownCandidates(sessionId: string) {
    const session = this.#calls?.findLive(sessionId);
    return session === undefined ? [] : ((await this.#calls?.gathered(session, gatherMs)) ?? []);
  }

  /** Records that a call from a room was refused. */
  refused({ why, roomId, sender, code }: Refusal): void {
    const detail = { why, ...(code === undefined ? {} : { code }) };
    this.#records.noteRefusal({ event: "ring.refused", roomId, principal: `matrix:${sender}`, detail });
  }
}
