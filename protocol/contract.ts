import type * as z from "zod";
import { agentEvents } from "./events/agent.ts";
import { alertEvents } from "./events/alert.ts";
import { approvalEvents } from "./events/approval.ts";
import { bridgeEvents } from "./events/bridge.ts";
import { budgetEvents } from "./events/budget.ts";
import { configEvents } from "./events/config.ts";
import { eventEvents } from "./events/event.ts";
import { keystoreEvents } from "./events/keystore.ts";
import { llmEvents } from "./events/llm.ts";
import { matrixEvents } from "./events/matrix.ts";
import { messageEvents } from "./events/message.ts";
import { queueEvents } from "./events/queue.ts";
import { taskEvents } from "./events/task.ts";
import { webrtcEvents } from "./events/webrtc.ts";
import { accessMethods } from "./methods/access.ts";
import { agentMethods } from "./methods/agent.ts";
import { approvalMethods } from "./methods/approval.ts";
import { auditMethods } from "./methods/audit.ts";
import { backupMethods } from "./methods/backup.ts";
import { bridgeMethods } from "./methods/bridge.ts";
import { budgetMethods } from "./methods/budget.ts";
import { configMethods } from "./methods/config.ts";
import { eventMethods } from "./methods/event.ts";
import { httpMethods } from "./methods/http.ts";
import { keystoreMethods } from "./methods/keystore.ts";
import { llmMethods } from "./methods/llm.ts";
import { loopMethods } from "./methods/loop.ts";
import { matrixMethods } from "./methods/matrix.ts";
import { matrixAccountMethods } from "./methods/matrix-account.ts";
import { messageMethods } from "./methods/message.ts";
import { queueMethods } from "./methods/queue.ts";
import { rpcMethods } from "./methods/rpc.ts";
import { secretMethods } from "./methods/secret.ts";
import { systemMethods } from "./methods/system.ts";
import { taskMethods } from "./methods/task.ts";
import { tokenMethods } from "./methods/token.ts";
import { webrtcMethods } from "./methods/webrtc.ts";
import type { AnyEvent, AnyMethod } from "./types/define.ts";

/** Every method, by its name. */
export const methods = {
  ...bridgeMethods,
  ...rpcMethods,
  ...agentMethods,
  ...loopMethods,
  ...eventMethods,
  ...messageMethods,
  ...taskMethods,
  ...queueMethods,
  ...systemMethods,
  ...webrtcMethods,
  ...keystoreMethods,
  ...secretMethods,
  ...httpMethods,
  ...accessMethods,
  ...approvalMethods,
  ...configMethods,
  ...auditMethods,
  ...backupMethods,
  ...budgetMethods,
  ...llmMethods,
  ...matrixAccountMethods,
  ...matrixMethods,
  ...tokenMethods,
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

/** Every event type that the bridge itself publishes, by its name. */
export const events = {
  ...agentEvents,
  ...messageEvents,
  ...eventEvents,
  ...alertEvents,
  ...bridgeEvents,
  ...queueEvents,
  ...taskEvents,
  ...webrtcEvents,
  ...approvalEvents,
  ...configEvents,
  ...keystoreEvents,
  ...budgetEvents,
  ...llmEvents,
  ...matrixEvents,
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
