import { AgentId, methods } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { renderTop, type TopState } from "./top-view.ts";

const [example] = methods["agent.list"].example.result.agents;
const agents = Array.from({ length: 40 }, (_, index) => ({
  ...example,
  agent_id: AgentId.parse(`heartbeat-${String(index + 1).padStart(2, "0")}`),
})) as unknown as TopState["agents"];
const state: TopState = {
  agents,
  usage: [],
  limits: [],
  sort: "name",
  selected: "heartbeat-30",
  logs: undefined,
  notice: "",
};
const view = { nowMs: 0, columns: 100, rows: 12, paint: (_: unknown, text: string) => text };

test("shows the agents around the selected one, and the number of others, when the terminal has too few lines", () => {
  const lines = renderTop(state, view).split("\n");
  expect(lines.length).toBe(12);
  expect(lines[1]).toMatch(/^ heartbeat-27 /);
  expect(lines[4]).toMatch(/^>heartbeat-30 /);
  expect(lines[7]).toBe(" and 34 more");
});

test("shows the newest log lines, on at most half of the terminal", () => {
  const logs = Array.from({ length: 50 }, (_, index) => ({
    time: "2026-11-21T08:00:00.000Z",
    stream: "stdout" as const,
    line: `line ${index + 1}`,
  })) as unknown as NonNullable<TopState["logs"]>;
  const lines = renderTop({ ...state, logs }, view).split("\n");
  expect(lines.length).toBe(12);
  expect(lines.filter((line) => line.includes("heartbeat-")).length).toBe(3);
  expect(lines[9]).toMatch(/line 50$/);
});
