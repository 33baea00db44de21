import type * as z from "zod";
import type { AnyEvent, AnyMethod } from "./define.ts";
import * as agentEvents from "./events/agent.ts";
import * as bridgeEvents from "./events/bridge.ts";
import * as agent from "./methods/agent.ts";
import * as bridge from "./methods/bridge.ts";
import * as event from "./methods/event.ts";
import * as loop from "./methods/loop.ts";
import * as rpc from "./methods/rpc.ts";
import * as system from "./methods/system.ts";

/** Every method, by its one name. */
export const methods = {
  "bridge.status": bridge.status,
  "bridge.health": bridge.health,
  "bridge.shutdown": bridge.shutdown,
  "rpc.discover": rpc.discover,
  "rpc.ping": rpc.ping,
  "rpc.cancel": rpc.cancel,
  "rpc.stream_credit": rpc.streamCredit,
  "agent.start": agent.start,
  "agent.stop": agent.stop,
  "agent.restart": agent.restart,
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
  "event.publish": event.publish,
  "event.history": event.history,
  "system.info": system.info,
} as const satisfies Record<string, AnyMethod>;

export type Methods = typeof methods;
export type MethodName = keyof Methods;
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
  "agent.exited": agentEvents.exited,
  "agent.restarted": agentEvents.restarted,
  "agent.stopped": agentEvents.stopped,
  "agent.failed": agentEvents.failed,
  "bridge.started": bridgeEvents.started,
  "bridge.draining": bridgeEvents.draining,
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
