import type { Result } from "@armorclaw/protocol";
import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { formatBytes, formatDuration } from "./format.ts";
import { renderTable } from "./table.ts";

const strengths = {
  container: "in its own container",
  sandbox: "in its own sandbox",
  none: "NOT isolated: a plain process with the rights of this user",
} as const;

export function renderStatus(status: Result<"bridge.status">, { paint }: View): string {
  const { engine, agents } = status;
  const strength = paint(engine.isolation === "none" ? ["bold", "red"] : "green", strengths[engine.isolation]);
  const lines: (readonly [string, string])[] = [
    [
      "ArmorClaw",
      `${visible(status.version)}, ${status.state} for ${formatDuration(status.uptime_ms)} (pid ${status.pid})`,
    ],
    ["Socket", visible(status.socket)],
    ["State", visible(status.state_dir)],
    ["Engine", `${engine.kind} (${visible(engine.version)}): each agent runs ${strength}`],
    ...list("Enforced", engine.protections),
    ...list("Missing", engine.missing.length === 0 ? ["nothing"] : engine.missing),
    ...(status.peer_credentials === "available"
      ? []
      : [
          [
            "Callers",
            "the operating system does not report who connects; the permissions of the socket alone decide",
          ] as const,
        ]),
    ["Agents", `${agents.running} running of ${agents.total}`],
    ["Memory", `${formatBytes(status.memory_bytes)} for the bridge itself`],
  ];
  return lines.map(([label, text]) => `${label.padEnd(10)} ${text}`).join("\n");
}

const list = (label: string, items: readonly string[]): (readonly [string, string])[] =>
  items.map((item, index) => [index === 0 ? label : "", visible(item)]);

export function renderHealth({ status, checks }: Result<"bridge.health">, view: View): string {
  const head = status === "ok" ? view.paint("green", "All checks pass") : view.paint("red", "Some checks fail");
  const rows = checks.map((check) => [check.name, check.status, check.message]);
  return `${head}\n${renderTable([{ title: "CHECK" }, { title: "STATE" }, { title: "FOUND" }], rows, view)}`;
}

export function renderMethods(document: Result<"rpc.discover">, view: View): string {
  const rows = document.methods.map((method) => [
    method.name,
    Array.isArray(method["x-roles"]) ? method["x-roles"].join(", ") : "-",
    typeof method["summary"] === "string" ? method["summary"] : "",
  ]);
  return renderTable([{ title: "METHOD" }, { title: "WHO", dropOrder: 1 }, { title: "WHAT" }], rows, view);
}
