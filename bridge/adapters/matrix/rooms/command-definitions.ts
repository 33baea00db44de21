import type { Result } from "@armorclaw/protocol";
import { agentLine, approvalLines, budgetLines, type CodeOf, oneLine } from "./command-replies.ts";

/** A room command and the method that it calls. The method decides who may use the command. */
export interface RoomCommand {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly method: string;
  /** Undefined when the number of words is wrong. */
  readonly params: (words: readonly string[]) => object | undefined;
  /** @param items the items that the method streamed */
  readonly render: (result: never, items: never, codeOf: CodeOf) => string;
}

const none = (words: readonly string[]) => (words.length === 0 ? {} : undefined);
const one = (field: string) => (words: readonly string[]) => (words.length === 1 ? { [field]: words[0] } : undefined);
const done = (text: string) => () => text;

export const roomCommands: readonly RoomCommand[] = [
  {
    name: "status",
    usage: "",
    summary: "show the state of the bridge",
    method: "bridge.status",
    params: none,
    render: ({ version, state, uptime_ms: uptimeMs, agents, engine }: Result<"bridge.status">) =>
      `ArmorClaw ${version}: ${state} for ${Math.floor(uptimeMs / 60_000)} min, ${agents.running} of ${agents.total} agents run in ${engine.kind}.`,
  },
  {
    name: "ps",
    usage: "",
    summary: "list the agents",
    method: "agent.list",
    params: none,
    render: ({ agents }: Result<"agent.list">) =>
      agents.length === 0 ? "No agent runs." : agents.map(agentLine).join("\n"),
  },
  {
    name: "logs",
    usage: "AGENT",
    summary: "show the last log lines of an agent",
    method: "agent.logs",
    params: ([id, ...more]) => (id !== undefined && more.length === 0 ? { agent_id: id, tail: 20 } : undefined),
    render: (_: unknown, items: readonly { readonly line: string }[]) =>
      items.length === 0 ? "The agent has written no logs." : items.map(({ line }) => `| ${oneLine(line)}`).join("\n"),
  },
  {
    name: "start",
    usage: "LOOP",
    summary: "start an agent",
    method: "agent.start",
    params: one("agent_type"),
    render: ({ agent_id: id, state }: Result<"agent.start">) => `${id}: ${state}`,
  },
  {
    name: "stop",
    usage: "AGENT",
    summary: "stop an agent",
    method: "agent.stop",
    params: one("agent_id"),
    render: ({ agent_id: id, state }: Result<"agent.stop">) => `${id}: ${state}`,
  },
  {
    name: "pause",
    usage: "AGENT",
    summary: "freeze an agent",
    method: "agent.pause",
    params: one("agent_id"),
    render: agentLine,
  },
  {
    name: "resume",
    usage: "AGENT",
    summary: "resume a frozen agent",
    method: "agent.resume",
    params: one("agent_id"),
    render: agentLine,
  },
  {
    name: "panic",
    usage: "",
    summary: "freeze and stop every agent, until somebody resumes",
    method: "bridge.panic",
    params: none,
    render: done("All agents are stopped. Run `armorclaw bridge resume` on the machine to resume."),
  },
  {
    name: "budget",
    usage: "",
    summary: "show what was spent",
    method: "budget.status",
    params: none,
    render: budgetLines,
  },
  {
    name: "approvals",
    usage: "",
    summary: "list the approvals that wait for an answer",
    method: "approval.list",
    params: none,
    render: approvalLines,
  },
  {
    name: "approve",
    usage: "CODE",
    summary: "allow a request, once",
    method: "approval.approve",
    params: one("code"),
    render: done("Approved."),
  },
  {
    name: "deny",
    usage: "CODE",
    summary: "refuse a request",
    method: "approval.deny",
    params: one("code"),
    render: done("Denied."),
  },
];

/** What people call in rooms: by commands, and by calling the bridge. */
export const roomMethods: ReadonlySet<string> = new Set([
  ...roomCommands.map(({ method }) => method),
  "webrtc.start",
  "webrtc.answer",
  "webrtc.end",
]);
