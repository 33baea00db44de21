import { type EventEnvelope, methods } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { methodNames } from "../core/method-flags.ts";
import { painter, type View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { renderEvent } from "./event.ts";
import { formatAge, formatBytes, formatDuration, formatTime } from "./format.ts";
import { renderItem, renderResult } from "./renderers.ts";

const view: View = { nowMs: Date.parse("2026-11-21T08:01:00.120Z"), columns: undefined, paint: (_style, text) => text };
const example = (name: keyof typeof methods) => methods[name].example.result;
const event: EventEnvelope = {
  id: "e1",
  seq: 1,
  channel: "agent.a.exited" as EventEnvelope["channel"],
  type: "agent.exited",
  source: "agent:a",
  time: "2026-11-21T08:00:00.000Z",
  priority: "high",
  data: { agent_id: "a", exit: { code: 1 }, message: "died" },
};

describe("the output for people", () => {
  test("of the agents", () => {
    expect(renderResult("agent.list", example("agent.list"), view)).toBe(
      [
        "AGENT        LOOP       STATE    ACTIVITY  ISOLATION  PID   UPTIME   RESTARTS  HEARTBEAT",
        "heartbeat-1  heartbeat  running  active    sandbox    4720  1 m 0 s  0         50 s",
      ].join("\n"),
    );
  });

  test("of the agents drops the least important columns on a narrow terminal", () => {
    const narrow = renderResult("agent.list", example("agent.list"), { ...view, columns: 40 });
    expect(narrow.split("\n")[0]).toBe("AGENT        STATE    UPTIME   HEARTBEAT");
    expect(Math.max(...narrow.split("\n").map((line) => line.length))).toBeLessThanOrEqual(40);
  });

  test("of the bridge shows where it is, how strongly agents are isolated and what is missing", () => {
    const status = { ...methods["bridge.status"].example.result };
    expect(renderResult("bridge.status", status, view)).toBe(
      [
        "ArmorClaw  0.1.0, running for 1 m 1 s (pid 4711)",
        "Socket     /run/armorclaw/bridge.sock",
        "State      /var/lib/armorclaw",
        "Engine     sandbox (bubblewrap 0.8.0): each agent runs in its own sandbox",
        "Enforced   no network",
        "           no capabilities",
        "Missing    nothing",
        "Agents     2 running of 2",
        "Memory     85.8 MiB for the bridge itself",
      ].join("\n"),
    );
    const bare = { ...status, engine: { ...status.engine, isolation: "none", missing: ["a sandbox"] } };
    expect(renderResult("bridge.status", bare, view)).toMatch(/NOT isolated[\s\S]*Missing {4}a sandbox/);
  });

  test("of one agent, of starts and stops, of health and usage", () => {
    expect(renderResult("agent.get", example("agent.get"), view)).toContain("Heartbeats 5, the last 50 s ago");
    expect(renderResult("agent.start", example("agent.start"), view)).toBe(
      "heartbeat-1 is running (sandbox, pid 4720)",
    );
    expect(renderResult("agent.stop", example("agent.stop"), view)).toBe("heartbeat-1 is stopped");
    expect(renderResult("bridge.health", example("bridge.health"), view)).toContain("All checks pass");
    expect(renderResult("agent.usage", example("agent.usage"), view)).toContain("heartbeat-1  10.5 MiB  0.2 %  8");
  });

  test("of a stop shows the reason only when the agent did not end cleanly", () => {
    const killed = {
      ...methods["agent.stop"].example.result,
      exit: { reason: "killed", code: null, message: "It was killed (SIGKILL)" },
    };
    expect(renderResult("agent.stop", killed, view)).toBe("heartbeat-1 is stopped: It was killed (SIGKILL)");
  });

  test("of the caller shows its role, and its methods by domain", () => {
    const who = {
      principal: "user:1000",
      role: "admin",
      methods: ["agent.list", "agent.get", "rpc.ping"],
      channels: [">"],
      secrets: [],
    };
    expect(renderResult("access.whoami", who, view)).toBe(
      [
        "You are    user:1000, with the role admin",
        "Methods    agent: list, get",
        "           rpc: ping",
        "Channels   >",
        "Secrets    none",
      ].join("\n"),
    );
  });

  test("of a backup names what a restore needs besides the file", () => {
    const text = renderResult("backup.create", methods["backup.create"].example.result, view);
    expect(text).toMatch(/keystore\.key/);
    expect(text).toMatch(/armorclaw backup restore/);
  });

  test("of a time is the time of day, with the date when it is not today", () => {
    const now = new Date(2026, 10, 21, 0, 5);
    expect(formatTime(new Date(2026, 10, 21, 0, 3, 1).toISOString(), now.getTime())).toBe("00:03:01");
    expect(formatTime(new Date(2026, 10, 20, 23, 49, 29).toISOString(), now.getTime())).toBe("2026-11-20 23:49:29");
  });

  test("of an event is one line", () => {
    const time = formatTime(event.time, view.nowMs);
    expect(renderEvent(event, view)).toBe(
      `${time} !  agent.exited      agent:a            exit={"code":1} message=died`,
    );
    expect(renderEvent(event, { ...view, columns: 50 })).toHaveLength(50);
  });

  test.each(methodNames)("of the result of %s is text", (name) => {
    expect(renderResult(name, example(name), view)).toMatch(/\S/);
  });

  test("of a result without a renderer is keys and values, with tables for lists", () => {
    expect(renderResult("x.y", { ok: true, list: [1, 2], items: [{ a: 1 }, { a: 2, b: "x" }], none: [] }, view)).toBe(
      "ok: true\nlist: 1, 2\nitems:\n  A  B\n  1  -\n  2  x\nnone: none",
    );
  });
});

describe("text that came from agents", () => {
  const evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202egnp.exe\r\nok";
  const dangerous = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

  test("is shown with its control characters escaped", () => {
    expect(visible(evil)).toBe("\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u{202e}gnp.exe\\r\\nok");
    expect(visible("ünïcode 日本 🦀")).toBe("ünïcode 日本 🦀");
  });

  test("cannot send control characters to the terminal through any renderer", () => {
    const agent = { ...methods["agent.get"].example.result, message: evil, agent_id: evil };
    const line = { time: event.time, stream: "stdout", line: evil };
    const printed = [
      renderResult("agent.get", agent, view),
      renderResult("agent.list", { agents: [agent] }, view),
      renderResult("agent.start", agent, view),
      renderItem("agent.logs", line, view),
      renderEvent({ ...event, type: evil, source: evil, data: { [evil]: evil } }, view),
      renderResult("x.y", { [evil]: evil, list: [evil], rows: [{ [evil]: evil }] }, view),
    ];
    for (const text of printed) expect(text).not.toMatch(dangerous);
  });
});

describe("units", () => {
  test("are short", () => {
    expect([0, 950, 12_000, 185_000, 7_800_000, 360_000_000].map(formatDuration)).toEqual([
      "0 ms",
      "950 ms",
      "12 s",
      "3 m 5 s",
      "2 h 10 m",
      "4 d 4 h",
    ]);
    expect([null, 0, 1023, 1024, 134_217_728].map(formatBytes)).toEqual(["-", "0 B", "1023 B", "1.0 KiB", "128 MiB"]);
    expect(formatAge(null, 0)).toBe("-");
  });
});

describe("colour", () => {
  const tty = { isTTY: true, write: () => {} };
  const pipe = { isTTY: false, write: () => {} };
  test.each([
    ["a terminal", tty, {}, true],
    ["a pipe", pipe, {}, false],
    ["NO_COLOR", tty, { NO_COLOR: "1" }, false],
    ["TERM=dumb", tty, { TERM: "dumb" }, false],
    ["FORCE_COLOR on a pipe", pipe, { FORCE_COLOR: "1" }, true],
    ["FORCE_COLOR=0", tty, { FORCE_COLOR: "0" }, false],
  ])("with %s", (_what, stream, env, isColoured) => {
    expect(painter(stream, env)("red", "x") !== "x").toBe(isColoured);
  });
});
