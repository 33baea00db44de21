import { BridgeError } from "@armorclaw/protocol/errors";
import { type Clock, delay } from "../../../platform/clock.ts";
import type { AgentAudio } from "./agent-audio.ts";
import type { StartRequest } from "./call-types.ts";

/** An agent that has just started gets this long to open its media connection. */
const connectMs = 3_000;
const lookEveryMs = 50;

/**
 * Checks that every agent that the call names lives and takes part in calls, and that no part is missing that the called agent needs.
 * A call without them would connect to silence.
 * @throws BridgeError AGENT_NOT_FOUND, CALL_STATE_CONFLICT
 */
export async function assertParticipants(
  audio: AgentAudio,
  lives: (agentId: string) => boolean,
  { agentId, sttAgentId, ttsAgentId }: Pick<StartRequest, "agentId" | "sttAgentId" | "ttsAgentId">,
  clock: Clock,
): Promise<void> {
  const named = [agentId, sttAgentId, ttsAgentId].filter((id) => id !== undefined);
  for (const id of named) if (!lives(id)) throw new BridgeError("AGENT_NOT_FOUND", `No agent with the id ${id} runs`);
  const untilMs = clock.monotonic() + connectMs;
  for (const id of named) {
    while (!audio.isReady(id)) {
      if (!lives(id) || clock.monotonic() >= untilMs)
        throw new BridgeError("CALL_STATE_CONFLICT", `${id} takes no part in calls: it has opened no media connection`);
      await delay(clock, lookEveryMs);
    }
  }
  if (agentId === undefined) return;
  const given = { stt: sttAgentId, tts: ttsAgentId };
  const missing = audio.needsOf(agentId).filter((part) => given[part] === undefined);
  if (missing.length === 0) return;
  const names = missing.map((part) => `${part}_agent_id`).join(" and ");
  throw new BridgeError("CALL_STATE_CONFLICT", `${agentId} can neither hear nor speak by itself: give ${names} too`);
}
