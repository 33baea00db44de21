import type * as z from "zod";
import * as agentEvents from "./events/agent.ts";
import * as alertEvents from "./events/alert.ts";
import * as approvalEvents from "./events/approval.ts";
import * as bridgeEvents from "./events/bridge.ts";
import * as budgetEvents from "./events/budget.ts";
import * as configEvents from "./events/config.ts";
import * as eventEvents from "./events/event.ts";
import * as keystoreEvents from "./events/keystore.ts";
import * as llmEvents from "./events/llm.ts";
import * as matrixEvents from "./events/matrix.ts";
import * as messageEvents from "./events/message.ts";
import * as queueEvents from "./events/queue.ts";
import * as taskEvents from "./events/task.ts";
import * as webrtcEvents from "./events/webrtc.ts";
import * as access from "./methods/access.ts";
import * as agent from "./methods/agent.ts";
import * as approval from "./methods/approval.ts";
import * as audit from "./methods/audit.ts";
import * as backup from "./methods/backup.ts";
import * as bridge from "./methods/bridge.ts";
import * as budget from "./methods/budget.ts";
import * as config from "./methods/config.ts";
import * as event from "./methods/event.ts";
import * as http from "./methods/http.ts";
import * as keystore from "./methods/keystore.ts";
import * as llm from "./methods/llm.ts";
import * as loop from "./methods/loop.ts";
import * as matrix from "./methods/matrix.ts";
import * as matrixAccount from "./methods/matrix-account.ts";
import * as message from "./methods/message.ts";
import * as queue from "./methods/queue.ts";
import * as rpc from "./methods/rpc.ts";
import * as secret from "./methods/secret.ts";
import * as system from "./methods/system.ts";
import * as task from "./methods/task.ts";
import * as token from "./methods/token.ts";
import * as webrtc from "./methods/webrtc.ts";
import type { AnyEvent, AnyMethod } from "./types/define.ts";

/** Every method, by its one name. */
export const methods = {
  "bridge.status": bridge.status,
  "bridge.health": bridge.health,
  "bridge.doctor": bridge.doctor,
  "bridge.shutdown": bridge.shutdown,
  "bridge.panic": bridge.panic,
  "bridge.resume": bridge.resume,
  "rpc.discover": rpc.discover,
  "rpc.ping": rpc.ping,
  "rpc.authenticate": rpc.authenticate,
  "rpc.cancel": rpc.cancel,
  "rpc.stream_credit": rpc.streamCredit,
  "agent.start": agent.start,
  "agent.stop": agent.stop,
  "agent.restart": agent.restart,
  "agent.pause": agent.pause,
  "agent.resume": agent.resume,
  "agent.remove_workspace": agent.removeWorkspace,
  "agent.list": agent.list,
  "agent.get": agent.get,
  "agent.logs": agent.logs,
  "agent.usage": agent.usage,
  "agent.hello": agent.hello,
  "agent.heartbeat": agent.heartbeat,
  "agent.report": agent.report,
  "loop.list": loop.list,
  "loop.get": loop.get,
  "event.subscribe": event.subscribe,
  "event.unsubscribe": event.unsubscribe,
  "event.ack": event.ack,
  "event.publish": event.publish,
  "event.history": event.history,
  "event.consumers": event.consumers,
  "event.forget": event.forget,
  "event.dead_letters": event.deadLetters,
  "event.redeliver": event.redeliver,
  "event.discard": event.discard,
  "agent.send": message.send,
  "task.create": task.create,
  "task.assign": task.assign,
  "task.claim": task.claim,
  "task.update": task.update,
  "task.list": task.list,
  "task.delete": task.remove,
  "queue.list": queue.list,
  "queue.retry": queue.retry,
  "queue.drop": queue.drop,
  "system.info": system.info,
  "webrtc.start": webrtc.start,
  "webrtc.answer": webrtc.answer,
  "webrtc.ice_candidate": webrtc.iceCandidate,
  "webrtc.end": webrtc.end,
  "webrtc.mute": webrtc.mute,
  "webrtc.hold": webrtc.hold,
  "webrtc.list": webrtc.list,
  "webrtc.get_audit_log": webrtc.getAuditLog,
  "keystore.store": keystore.store,
  "keystore.list": keystore.list,
  "keystore.get": keystore.get,
  "keystore.delete": keystore.remove,
  "keystore.rotate": keystore.rotate,
  "keystore.lock": keystore.lock,
  "keystore.unlock": keystore.unlock,
  "keystore.rekey": keystore.rekey,
  "keystore.status": keystore.status,
  "keystore.test": keystore.test,
  "secret.claim": secret.claim,
  "http.request": http.request,
  "access.whoami": access.whoami,
  "access.explain": access.explain,
  "access.grants": access.grants,
  "access.grant": access.grant,
  "access.revoke": access.revoke,
  "access.assign": access.assign,
  "approval.request": approval.request,
  "approval.get": approval.get,
  "approval.list": approval.list,
  "approval.approve": approval.approve,
  "approval.deny": approval.deny,
  "config.attach": config.attach,
  "config.list": config.list,
  "config.get": config.get,
  "config.propose": config.propose,
  "audit.tail": audit.tail,
  "audit.verify": audit.verify,
  "audit.export": audit.exportAll,
  "backup.create": backup.create,
  "budget.status": budget.status,
  "budget.set": budget.set,
  "budget.report": budget.report,
  "budget.topup": budget.topup,
  "budget.reserve": budget.reserve,
  "budget.settle": budget.settle,
  "llm.chat": llm.chat,
  "llm.models": llm.models,
  "matrix.login": matrixAccount.login,
  "matrix.logout": matrixAccount.logout,
  "matrix.recovery_key": matrixAccount.recoveryKey,
  "matrix.status": matrix.status,
  "matrix.send": matrix.send,
  "matrix.receive": matrix.receive,
  "matrix.download": matrix.download,
  "matrix.rooms": matrix.rooms,
  "matrix.join": matrix.join,
  "matrix.verify": matrix.verify,
  "token.create": token.create,
  "token.list": token.list,
  "token.revoke": token.revoke,
} as const satisfies Record<string, AnyMethod>;

export type Methods = typeof methods;
export type MethodName = keyof Methods;

/** The methods of a domain, e.g. those that begin with `agent.`. */
export type MethodsOf<Domain extends string> = Extract<MethodName, `${Domain}.${string}`>;
/** A method's params as a caller writes them: defaults may be left out. */
export type ParamsIn<N extends MethodName> = z.input<Methods[N]["params"]>;
/** A method's params as its handler receives them. */
export type Params<N extends MethodName> = z.output<Methods[N]["params"]>;
/** A method's result as its handler returns it. */
export type ResultIn<N extends MethodName> = z.input<Methods[N]["result"]>;
/** A method's result as a caller receives it. */
export type Result<N extends MethodName> = z.output<Methods[N]["result"]>;
/** The methods that stream items before their result. */
export type StreamingMethodName = {
  [N in MethodName]: Methods[N] extends { readonly stream?: infer I }
    ? Exclude<I, undefined> extends never
      ? never
      : N
    : never;
}[MethodName];
/** One streamed item of a streaming method. */
export type StreamItem<N extends MethodName> = Methods[N] extends { readonly stream?: infer I }
  ? Exclude<I, undefined> extends z.ZodType
    ? z.output<Exclude<I, undefined>>
    : never
  : never;

/** Every event type that the bridge itself publishes, by its one name. */
export const events = {
  "agent.started": agentEvents.started,
  "agent.heartbeat": agentEvents.heartbeat,
  "agent.reported": agentEvents.reported,
  "agent.adopted": agentEvents.adopted,
  "agent.died": agentEvents.died,
  "agent.hung": agentEvents.hung,
  "agent.paused": agentEvents.paused,
  "agent.resumed": agentEvents.resumed,
  "agent.suspended": agentEvents.suspended,
  "agent.woken": agentEvents.woken,
  "agent.exited": agentEvents.exited,
  "agent.restarted": agentEvents.restarted,
  "agent.stopped": agentEvents.stopped,
  "agent.failed": agentEvents.failed,
  "agent.message": messageEvents.message,
  "agent.inbox_full": messageEvents.inboxFull,
  "event.dead_lettered": eventEvents.deadLettered,
  "alert.raised": alertEvents.raised,
  "alert.recovered": alertEvents.recovered,
  "alert.pulse_failed": alertEvents.pulseFailed,
  "alert.pulse_recovered": alertEvents.pulseRecovered,
  "bridge.logins_refused": bridgeEvents.loginsRefused,
  "bridge.disk_low": alertEvents.diskLow,
  "bridge.disk_recovered": alertEvents.diskRecovered,
  "bridge.interrupted": alertEvents.interrupted,
  "queue.sent": queueEvents.sent,
  "queue.late": queueEvents.late,
  "queue.dead": queueEvents.dead,
  "task.created": taskEvents.created,
  "task.unserved": taskEvents.unserved,
  "task.offered": taskEvents.offered,
  "task.claimed": taskEvents.claimed,
  "task.progressed": taskEvents.progressed,
  "task.done": taskEvents.done,
  "task.failed": taskEvents.failed,
  "task.dead": taskEvents.dead,
  "webrtc.state_changed": webrtcEvents.stateChanged,
  "webrtc.ended": webrtcEvents.ended,
  "webrtc.transcript": webrtcEvents.transcript,
  "bridge.started": bridgeEvents.started,
  "bridge.draining": bridgeEvents.draining,
  "bridge.panicked": bridgeEvents.panicked,
  "bridge.resumed": bridgeEvents.resumed,
  "bridge.engine_unreachable": bridgeEvents.engineUnreachable,
  "bridge.engine_reachable": bridgeEvents.engineReachable,
  "approval.requested": approvalEvents.requested,
  "approval.decided": approvalEvents.decided,
  "config.attached": configEvents.attached,
  "keystore.unlocked": keystoreEvents.unlocked,
  "keystore.locked": keystoreEvents.locked,
  "keystore.unlock_failed": keystoreEvents.unlock_failed,
  "keystore.damaged": keystoreEvents.damaged,
  "keystore.rotated": keystoreEvents.rotated,
  "keystore.expiring": keystoreEvents.expiring,
  "keystore.expired": keystoreEvents.expired,
  "budget.threshold_crossed": budgetEvents.thresholdCrossed,
  "budget.exhausted": budgetEvents.exhausted,
  "budget.limit_changed": budgetEvents.limitChanged,
  "budget.topped_up": budgetEvents.toppedUp,
  "budget.frozen": budgetEvents.frozen,
  "budget.thawed": budgetEvents.thawed,
  "budget.overrun": budgetEvents.overrun,
  "budget.expired": budgetEvents.expired,
  "llm.provider_unavailable": llmEvents.providerUnavailable,
  "llm.provider_recovered": llmEvents.providerRecovered,
  "llm.fallback_used": llmEvents.fallbackUsed,
  "llm.runaway_limit_reached": llmEvents.runawayLimitReached,
  "llm.answer_cut": llmEvents.answerCut,
  "matrix.message": matrixEvents.message,
  "matrix.reaction": matrixEvents.reaction,
  "matrix.undecryptable": matrixEvents.undecryptable,
  "matrix.messages_missed": matrixEvents.messagesMissed,
  "matrix.delivery": matrixEvents.delivery,
  "matrix.link": matrixEvents.link,
  "matrix.link_lost": matrixEvents.linkLost,
  "matrix.link_restored": matrixEvents.linkRestored,
  "matrix.logged_in": matrixEvents.loggedIn,
  "matrix.logged_out": matrixEvents.loggedOut,
  "matrix.verification": matrixEvents.verification,
  "matrix.invited": matrixEvents.invited,
} as const satisfies Record<string, AnyEvent>;

export type Events = typeof events;
export type EventType = keyof Events;
export type EventData<T extends EventType> = z.input<Events[T]["data"]>;

/** Classic flat name → method name. */
export const aliases: ReadonlyMap<string, MethodName> = new Map(
  Object.entries(methods).flatMap(([name, method]: [string, AnyMethod]) =>
    (method.aliases ?? []).map((alias): [string, MethodName] => [alias, name as MethodName]),
  ),
);
