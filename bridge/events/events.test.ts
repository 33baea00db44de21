import type { EventEnvelope } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { systemClock } from "../platform/clock.ts";
import { eventPublisher, MemoryEventLog } from "./events.ts";
import { compilePatterns } from "./pattern.ts";

const draft = (channel: string, rest = {}) => ({
  channel,
  type: "test.made",
  source: "user:0",
  data: {},
  priority: "normal" as const,
  ...rest,
});
const all = { channels: [">"] };

describe("compilePatterns()", () => {
  test.each([
    ["agent.a.started", "agent.a.started", true],
    ["agent.*.started", "agent.a.started", true],
    ["agent.*.started", "agent.a.b.started", false],
    ["agent.*", "agent.a.started", false],
    ["agent.>", "agent.a.started", true],
    ["agent.>", "agent", false],
    ["agent.a.>", "agent.ab.started", false],
    [">", "bridge.started", true],
    ["*", "bridge", true],
    ["agent.a", "agent.a.started", false],
  ])("%s against %s is %s", (pattern, channel, expected) => {
    expect(compilePatterns([pattern])(channel)).toBe(expected);
  });

  test("any channel matches itself, itself with a star anywhere, and its prefix with a tail", () => {
    const segment = fc.stringMatching(/^[a-z]{1,5}$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 2, maxLength: 5 }), fc.nat(4), (segments, at) => {
        const channel = segments.join(".");
        const index = at % segments.length;
        expect(compilePatterns([channel])(channel)).toBe(true);
        expect(compilePatterns([segments.with(index, "*").join(".")])(channel)).toBe(true);
        expect(compilePatterns([[...segments.slice(0, index), ">"].join(".")])(channel)).toBe(true);
      }),
    );
  });
});

describe("MemoryEventLog", () => {
  test("numbers events from 1 and pushes each to those who match", () => {
    const log = new MemoryEventLog(systemClock, 10);
    const seen: EventEnvelope[] = [];
    const subscription = log.subscribe(
      { channels: ["a.*"], types: ["test.made"], minPriority: "high" },
      undefined,
      (event) => seen.push(event),
    );
    log.publish(draft("a.x", { priority: "critical" }));
    log.publish(draft("a.x"));
    log.publish(draft("b.x", { priority: "high" }));
    log.publish(draft("a.y", { priority: "high" }));
    subscription.close();
    log.publish(draft("a.z", { priority: "high" }));
    expect(seen.map(({ seq, channel }) => [seq, channel])).toEqual([
      [1, "a.x"],
      [4, "a.y"],
    ]);
  });

  test("replays after a cursor, in order, and goes on live without a gap", () => {
    const log = new MemoryEventLog(systemClock, 10);
    for (let i = 0; i < 5; i++) log.publish(draft("a"));
    const seen: number[] = [];
    const { cursorReset } = log.subscribe(all, 2, ({ seq }) => seen.push(seq));
    log.publish(draft("a"));
    expect(cursorReset).toBe(false);
    expect(seen).toEqual([3, 4, 5, 6]);
  });

  test("says so when events after the cursor are forgotten, or the cursor is of an earlier bridge", () => {
    const log = new MemoryEventLog(systemClock, 3);
    for (let i = 0; i < 5; i++) log.publish(draft("a"));
    expect(log.history(all, 1, 10)).toMatchObject({ cursorReset: true, cursor: 5 });
    expect(log.history(all, 2, 10)).toMatchObject({ cursorReset: false });
    expect(log.history(all, 99, 10).cursorReset).toBe(true);
    expect(log.history(all, 99, 10).events.map(({ seq }) => seq)).toEqual([3, 4, 5]);
  });

  test("pages: the cursor of one page begins the next", () => {
    const log = new MemoryEventLog(systemClock, 100);
    for (let i = 0; i < 25; i++) log.publish(draft(i % 2 === 0 ? "even" : "odd"));
    const seqs: number[] = [];
    for (let cursor = 0, pages = 0; pages < 10; pages++) {
      const page = log.history({ channels: ["odd"] }, cursor, 5);
      seqs.push(...page.events.map(({ seq }) => seq));
      cursor = page.cursor;
    }
    expect(seqs).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]);
  });

  test("forgets what has outlived its ttl", () => {
    let now = 1_000;
    const log = new MemoryEventLog({ ...systemClock, now: () => now }, 10);
    log.publish(draft("a", { ttlMs: 50 }));
    expect(log.history(all, 0, 10).events).toHaveLength(1);
    now += 51;
    expect(log.history(all, 0, 10).events).toHaveLength(0);
  });

  test("refuses data over the limit", () => {
    const log = new MemoryEventLog(systemClock, 10);
    expect(() => log.publish(draft("a", { data: { text: "x".repeat(300_000) } }))).toThrow(/262144 is the limit/);
  });
});

test("eventPublisher() puts a contract event on its declared channel with its declared priority", () => {
  const log = new MemoryEventLog(systemClock, 10);
  eventPublisher(log)("agent.failed", "bridge", {
    agent_id: "heartbeat-1",
    agent_type: "heartbeat",
    epoch: 1,
    message: "gone",
    exit: null,
  });
  expect(log.history(all, 0, 1).events[0]).toMatchObject({
    channel: "agent.heartbeat-1.failed",
    type: "agent.failed",
    priority: "critical",
  });
});
