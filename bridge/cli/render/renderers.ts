import type { MethodName, Result, StreamItem, StreamingMethodName } from "@armorclaw/protocol";
import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { renderWhoami } from "./access.ts";
import {
  renderAgent,
  renderAgents,
  renderLogLine,
  renderLoops,
  renderStarted,
  renderStopped,
  renderUsage,
} from "./agent.ts";
import { renderApproval, renderApprovals } from "./approval.ts";
import { renderHealth, renderMethods, renderStatus } from "./bridge.ts";
import { renderBudget, renderModels, renderReport } from "./budget.ts";
import { renderEvent } from "./event.ts";
import { renderFindings } from "./findings.ts";
import {
  renderMatrixLogin,
  renderMatrixLogout,
  renderMatrixMessages,
  renderMatrixRecoveryKey,
  renderMatrixRooms,
  renderMatrixSent,
  renderMatrixStatus,
  renderVerification,
} from "./matrix.ts";
import { renderDeadLetters, renderMessages, renderTasks } from "./queue.ts";
import { renderValue } from "./value.ts";

type Renderers = { readonly [N in MethodName]?: (result: Result<N>, view: View) => string };
type ItemRenderers = { readonly [N in StreamingMethodName]?: (item: StreamItem<N>, view: View) => string };

const renderers: Renderers = {
  "bridge.status": renderStatus,
  "bridge.health": renderHealth,
  "bridge.doctor": ({ checks }, view) => renderFindings(checks, view),
  "rpc.discover": renderMethods,
  "agent.start": renderStarted,
  "agent.restart": renderStarted,
  "agent.pause": renderStarted,
  "agent.resume": renderStarted,
  "bridge.panic": ({ agents, frozen_ms }) =>
    `${agents} agents were frozen within ${frozen_ms} ms and then killed. Nothing starts until \`armorclaw bridge resume\`.`,
  "agent.remove_workspace": ({ removed }) => (removed ? "The workspace was deleted." : "The agent had no workspace."),
  "agent.stop": renderStopped,
  "agent.list": renderAgents,
  "agent.get": renderAgent,
  "agent.usage": renderUsage,
  "loop.list": renderLoops,
  "access.whoami": renderWhoami,
  "backup.create": (backup, view) =>
    `${renderValue(backup, view)}\nA restore on another machine also needs the key of the keystore: keystore.key in the state directory, or the passphrase.\n\`armorclaw backup restore FILE\` restores it.`,
  "approval.list": renderApprovals,
  "approval.get": renderApproval,
  "approval.approve": renderApproval,
  "approval.deny": renderApproval,
  "budget.status": renderBudget,
  "matrix.login": renderMatrixLogin,
  "matrix.logout": renderMatrixLogout,
  "matrix.recovery_key": renderMatrixRecoveryKey,
  "matrix.status": renderMatrixStatus,
  "matrix.rooms": renderMatrixRooms,
  "matrix.send": renderMatrixSent,
  "matrix.receive": renderMatrixMessages,
  "matrix.verify": renderVerification,
  "budget.report": renderReport,
  "llm.models": renderModels,
  "event.dead_letters": renderDeadLetters,
  "queue.list": renderMessages,
  "task.list": renderTasks,
  "event.history": ({ events }, view) =>
    events.length === 0 ? "No events." : events.map((event) => renderEvent(event, view)).join("\n"),
};

const itemRenderers: ItemRenderers = {
  "llm.chat": ({ text }) => visible(text),
  "agent.logs": renderLogLine,
  "audit.export": ({ line }) => visible(line),
};

/** A method's result for a person. */
export const renderResult = (method: string, result: unknown, view: View): string =>
  pick(renderers, method)(result, view);

/** One item of a streaming method for a person. */
export const renderItem = (method: string, item: unknown, view: View): string =>
  pick(itemRenderers, method)(item, view);

type AnyRenderer = (value: unknown, view: View) => string;

/** The method's own renderer, or else `renderValue`. By the contract the value has the type that the renderer takes. */
function pick(table: object, method: string): AnyRenderer {
  return Object.hasOwn(table, method) ? ((table as Record<string, AnyRenderer>)[method] ?? renderValue) : renderValue;
}
