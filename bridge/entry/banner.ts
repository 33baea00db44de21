import type { EngineStatus, EventEnvelope } from "@armorclaw/protocol";
import { isPipePath } from "@armorclaw/protocol/pipe";
import type { Paint } from "../cli/core/output.ts";

const strength = {
  container: "each agent runs in a hardened container",
  sandbox: "each agent runs in a sandbox",
  none: "agents run as plain processes: this is NO sandbox",
} as const;

export interface BannerFacts {
  readonly version: string;
  readonly socketPath: string;
  /** Whether a client finds the socket without a setting. */
  readonly isDefaultSocket: boolean;
  readonly stateDirectory: string;
  readonly engine: EngineStatus;
}

/** As the shell takes it that is usual where the socket is. */
const setVariable = (name: string, value: string) =>
  isPipePath(value) ? `$env:${name} = "${value}"` : `export ${name}=${value}`;

/** What a person sees when the bridge serves its socket. */
export function banner(facts: BannerFacts, paint: Paint): string {
  const { engine } = facts;
  const list = (items: readonly string[]) => items.join("\n             ");
  const lines = [
    paint("bold", `ArmorClaw bridge ${facts.version} is running`),
    "",
    `  Socket     ${facts.socketPath}`,
    `             ${isPipePath(facts.socketPath) ? "only who can read your profile can connect" : "only you and root can connect"}`,
    `  State      ${facts.stateDirectory}`,
    `  Engine     ${engine.version}: ${paint(engine.isolation === "none" ? "red" : "green", strength[engine.isolation])}`,
    ...(engine.protections.length === 0 ? [] : [`  Enforced   ${list(engine.protections)}`]),
    ...(engine.missing.length === 0 ? [] : [`  ${paint("yellow", "Missing")}    ${list(engine.missing)}`]),
    "",
    "Look around from a second shell:",
    ...(facts.isDefaultSocket ? [] : [`  ${setVariable("ARMORCLAW_SOCKET", facts.socketPath)}`]),
    "  npx armorclaw status",
    "  npx armorclaw ps",
    "  npx armorclaw events --follow",
    "",
    paint("dim", "Ctrl-C stops the bridge and its agents"),
    "",
  ];
  return `${lines.join("\n")}\n`;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** One line for what happened to an agent, or undefined for an event that the terminal does not show. */
export function agentLine({ type, data }: EventEnvelope, paint: Paint): string | undefined {
  const agent = text(data["agent_id"]);
  const exit = data["exit"] as { message?: string } | null | undefined;
  switch (type) {
    case "agent.started":
      return data["isolation"] === "none"
        ? `${paint("red", "started")}    ${agent}  ${paint("red", "NOT ISOLATED: a plain process")}\n`
        : `${paint("green", "started")}    ${agent}  the kernel confirms its isolation: ${text(data["isolation"])}\n`;
    case "agent.exited":
      return `${paint("yellow", "ended")}      ${agent}  ${exit?.message ?? ""}\n`;
    case "agent.stopped":
      return `${paint("dim", "stopped")}    ${agent}\n`;
    case "agent.failed":
      return `${paint("red", "failed")}     ${agent}  ${text(data["message"])}\n`;
    default:
      return undefined;
  }
}
