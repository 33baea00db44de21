import type { MethodName } from "@armorclaw/protocol";
import { EventRights } from "../access/index.ts";
import { keyProbe } from "../adapters/http/index.ts";
import { RoomReader, roomMethods } from "../adapters/matrix/index.ts";
import { callPageUrl } from "../adapters/webrtc/index.ts";
import { accessHandlers } from "../api/access.ts";
import { agentHandlers } from "../api/agent.ts";
import { approvalHandlers } from "../api/approval.ts";
import { auditHandlers } from "../api/audit.ts";
import { bridgeHandlers } from "../api/bridge.ts";
import { budgetHandlers } from "../api/budget.ts";
import { eventHandlers } from "../api/event.ts";
import { keystoreHandlers } from "../api/keystore.ts";
import { llmHandlers } from "../api/llm.ts";
import { loopHandlers } from "../api/loop.ts";
import { matrixHandlers } from "../api/matrix.ts";
import { messageHandlers } from "../api/message.ts";
import { queueHandlers } from "../api/queue.ts";
import { systemHandlers } from "../api/system.ts";
import { taskHandlers } from "../api/task.ts";
import { tokenHandlers } from "../api/token.ts";
import { webrtcHandlers } from "../api/webrtc.ts";
import { Doctor, examineHealth } from "../doctor/index.ts";
import type { BridgeInfo } from "../lifecycle/bridge-state.ts";
import type { LoopMonitor } from "../lifecycle/index.ts";
import type { Outbox } from "../outbox/index.ts";
import { timestamp } from "../platform/clock.ts";
import { HostMeter } from "../platform/os/host-info.ts";
import { builtinHandlers, type Handlers, type RpcServer } from "../rpc/index.ts";
import { Backups } from "../store/index.ts";
import type { composeAgents } from "./agents.ts";
import type { composeBudget } from "./budget.ts";
import type { composeCalls } from "./calls.ts";
import { contract } from "./contract.ts";
import type { Ground } from "./ground.ts";
import type { composeListeners } from "./listeners.ts";
import type { composeLlm } from "./llm.ts";
import type { composeMatrix } from "./matrix.ts";
import type { composeMessaging } from "./messaging.ts";
import type { composeSecurity } from "./security.ts";

/** The composed domains. */
export interface Domains {
  readonly server: RpcServer;
  readonly outbox: Outbox;
  readonly agents: ReturnType<typeof composeAgents>;
  readonly security: ReturnType<typeof composeSecurity>;
  readonly budget: ReturnType<typeof composeBudget>;
  readonly llm: ReturnType<typeof composeLlm>;
  readonly rooms: ReturnType<typeof composeMatrix>;
  readonly messaging: ReturnType<typeof composeMessaging>;
  readonly calls: ReturnType<typeof composeCalls>;
  readonly listeners: ReturnType<typeof composeListeners>;
  readonly loop: LoopMonitor;
}

/** The handlers of every method of the contract. */
export function handlersOf(ground: Ground, info: BridgeInfo, domains: Domains): Handlers<MethodName> {
  const { engine, clock, log, store, config, version, installId } = ground;
  const { server, outbox, security, budget, llm, rooms, messaging, calls, listeners, loop } = domains;
  const { supervisor, directory, consumers } = domains.agents;
  const { access, keystore, approvals, attachments, interceptor, http, audit } = security;
  const pageUrl = () => callPageUrl(config.webrtc, listeners.httpUrl());
  const addresses = { listeners: listeners.addresses, callPageUrl: pageUrl };
  const doctor = new Doctor({ ...ground, ...addresses, loop, audit, rooms: () => rooms.joined(), turn: calls?.turn });
  const health = () => examineHealth({ info, engine, agents: supervisor, keystore, store, loop, audit, doctor });
  const events = new EventRights(access, supervisor);
  const reader = new RoomReader({ log, store, rooms, rights: access });
  const backups = new Backups(store, config.stateDir);
  const backup = (path: string) => backups.make(path, { createdAt: timestamp(clock), version, installId });
  return {
    ...builtinHandlers(version, contract),
    ...bridgeHandlers({ info, engine, agents: supervisor, clock, health, doctor }),
    ...agentHandlers(supervisor),
    ...loopHandlers(supervisor),
    ...eventHandlers(log, consumers, events),
    ...messageHandlers(messaging.mailbox, directory),
    ...taskHandlers(messaging.tasks, directory),
    ...queueHandlers(outbox),
    ...systemHandlers({ supervisor, host: new HostMeter(config.stateDir), health }),
    ...keystoreHandlers(keystore, keyProbe(keystore, clock), config.keystore.reveal),
    ...accessHandlers({
      access,
      tokens: listeners.tokens,
      principals: {
        contract,
        ownUid: process.getuid?.() ?? 0,
        grantsOf: access.grantsOf,
        loops: () => directory.manifests().map(({ name }) => name),
        isLive: (agentId) => directory.find(agentId) !== undefined,
        token: (name) => listeners.tokens.principalOf(name),
        matrixRole: (userId) => rooms.trust.roleOf(userId),
        connected: (id) => server.connected(id),
        roomMethods,
        now: clock.now,
      },
      keystore,
      agents: directory,
      server,
      interceptor,
      http,
    }),
    ...approvalHandlers(approvals, attachments, access),
    ...auditHandlers(audit, backup, version),
    ...budgetHandlers(budget),
    ...llmHandlers({ ...llm, agents: directory }),
    ...tokenHandlers(listeners.tokens, clock.now, server),
    ...matrixHandlers({ rooms, reader, homeserver: config.matrix.homeserver, mayReveal: config.keystore.reveal }),
    ...webrtcHandlers(calls?.calls, pageUrl),
  };
}
