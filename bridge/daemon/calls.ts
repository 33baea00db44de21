import { IncomingCalls, type MatrixRooms } from "../adapters/matrix/index.ts";
import {
  AgentAudio,
  CallPage,
  CallRecords,
  Calls,
  callAuthorization,
  callEvents,
  callReservations,
  callSettings,
  endCallsWithTheirPeers,
  mediaSocket,
  RoomMedia,
} from "../adapters/webrtc/index.ts";
import type { Budget } from "../budget/index.ts";
import { type AgentDirectory, whereEnabled } from "../lifecycle/index.ts";
import type { Ground } from "./ground.ts";

export interface CallsDeps {
  readonly agents: AgentDirectory;
  readonly budget: Budget;
  readonly rooms: MatrixRooms;
}

/** Composes voice calls, or nothing where they are switched off. */
export function composeCalls(ground: Ground, deps: CallsDeps) {
  return whereEnabled(ground.config.webrtc, () => composeEnabledCalls(ground, deps));
}

function composeEnabledCalls(ground: Ground, { agents, budget, rooms }: CallsDeps) {
  const { config, clock, store, log, logging, publish } = ground;
  const { webrtc } = config;
  const logger = logging.child("webrtc");
  const onFailure = (error: unknown) => logger.error({ error }, "A call's record could not be written");
  const audio = new AgentAudio(logger);
  const settings = callSettings(webrtc, config.stateDir);
  const records = new CallRecords(store, clock, onFailure);
  const media = new RoomMedia(records);
  const incoming = new IncomingCalls(
    {
      clock,
      logger: logging.child("room-calls"),
      trust: rooms.trust,
      methods: rooms.methods,
      ownId: () => rooms.ownId,
      isReady: (agentId) => audio.isConnected(agentId),
      send: (outgoing, signal) => rooms.send(outgoing, signal),
      media,
      refused: (refusal) => media.refused(refusal),
    },
    { agents: webrtc.roomAgents, require: webrtc.ringTrust },
  );
  const calls = new Calls(
    {
      clock,
      audio,
      lives: (agentId) => agents.find(agentId) !== undefined,
      logger,
      records,
      rooms: callAuthorization(webrtc, rooms),
      reservations: callReservations(budget, (agentId) => agents.loopOf(agentId)),
      ...callEvents(publish, (sessionId, reason) => incoming.ended(sessionId, reason)),
    },
    settings,
  );
  media.serve(calls);
  rooms.listen({ call: (event) => incoming.handle(event) });
  log.watch({ channels: ["bridge.>"], types: ["bridge.draining"] }, () => incoming.close());
  endCallsWithTheirPeers(calls, rooms, log, logger);
  return {
    calls,
    turn: settings.turn,
    page: new CallPage({ calls, clock, origins: webrtc.origins }),
    sockets: [mediaSocket(audio)],
    services: [incoming, calls],
  };
}
