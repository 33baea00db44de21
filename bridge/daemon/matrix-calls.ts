import { IncomingCalls, type RoomAgents } from "../adapters/matrix/index.ts";
import type { AgentAudio, Calls } from "../adapters/webrtc/index.ts";
import type { Config } from "../config/index.ts";
import type { DurableEventLog } from "../events/index.ts";
import type { Logging } from "../logging/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { RoomSight } from "./matrix.ts";

/** Time for the bridge's own candidates to be found. */
const gatherMs = 1_000;

export interface RingingDeps {
  readonly clock: Clock;
  readonly log: Pick<DurableEventLog, "watch">;
  readonly logging: Logging;
  readonly config: Config;
  readonly rooms: RoomSight;
  readonly audio: AgentAudio;
  /** Made after the ringing, which hears of their ends. */
  readonly calls: () => Calls;
}

/** Puts calls from rooms through: the rooms' signaling on one side, sessions and their media on the other. */
export function composeRinging({ clock, log, logging, config, rooms, audio, calls }: RingingDeps): IncomingCalls {
  const ringing = new IncomingCalls(
    {
      clock,
      logger: logging.child("room-calls"),
      trust: rooms.trust,
      methods: rooms.methods,
      ownId: () => rooms.ownId(),
      isReady: (agentId) => audio.isConnected(agentId),
      send: (outgoing, signal) => rooms.send(outgoing, signal),
      media: {
        isLive: (sessionId) => calls().findLive(sessionId) !== undefined,
        addCandidate: async (sessionId, candidate) => {
          const session = calls().findLive(sessionId);
          if (session !== undefined) await calls().addCandidate(session, candidate);
        },
        ownCandidates: async (sessionId) => {
          const session = calls().findLive(sessionId);
          return session === undefined ? [] : await calls().gathered(session, gatherMs);
        },
      },
      refused: ({ why, roomId, sender, code }) =>
        calls().records.noteRefusal({
          event: "ring.refused",
          roomId,
          principal: `matrix:${sender}`,
          detail: { why, ...(code === undefined ? {} : { code }) },
        }),
    },
    { agents: agentsOf(config.webrtc), require: config.webrtc.ringTrust },
  );
  rooms.listen({ call: (event) => ringing.handle(event) });
  log.watch({ channels: ["bridge.>"], types: ["bridge.draining"] }, () => ringing.close());
  return ringing;
}

function agentsOf({ roomAgents: rooms }: Config["webrtc"]): Record<string, RoomAgents> {
  const entries = Object.entries(rooms).map(([roomId, { agent, sttAgent: stt, ttsAgent: tts }]) => {
    return [roomId, { agentId: agent, sttAgentId: stt, ttsAgentId: tts }] as const;
  });
  return Object.fromEntries(entries);
}
