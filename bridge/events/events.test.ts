import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { openTestLog } from "../../tests/support/event-log.ts";
import { silentLogger } from "../logging/index.ts";
import { contractEvent, coversPattern, eventPublisher } from "./index.ts";
import { compilePatterns } from "./match/pattern.ts";

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

  test("any channel matches itself, itself with a star for any segment, and its prefix with a tail wildcard", () => {
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

describe("coversPattern()", () => {
  test.each([
    [">", "agent.>", true],
    ["agent.a.>", "agent.a.x", true],
    ["agent.a.>", "agent.a.>", true],
    ["agent.a.>", "agent.a", false],
    ["agent.a.>", "agent.>", false],
    ["agent.*.metrics", "agent.a.metrics", true],
    ["agent.*.metrics", "agent.*.metrics", true],
    ["agent.*.metrics", "agent.>", false],
    ["agent.a.x", "agent.*.x", false],
    ["agent.a", "agent.a.x", false],
    ["agent.a.>", "agent.ab.x", false],
  ])("%s covers %s: %s", (right, pattern, expected) => {
    expect(coversPattern(right, pattern)).toBe(expected);
  });

  test("a pattern matches every channel that a covered pattern matches", () => {
    const segment = fc.constantFrom("a", "b", "*", ">");
    const pattern = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => {
      const end = segments.indexOf(">");
      return (end === -1 ? segments : segments.slice(0, end + 1)).join(".");
    });
    const channel = fc
      .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 5 })
      .map((all) => all.join("."));
    fc.assert(
      fc.property(pattern, pattern, channel, (right, asked, at) => {
        if (coversPattern(right, asked) && compilePatterns([asked])(at))
          expect(compilePatterns([right])(at)).toBe(true);
      }),
    );
  });
});

test("eventPublisher() puts a contract event on its declared channel, with its declared priority and volatility", async () => {
  await using t = await openTestLog();
  const publish = eventPublisher(t.log, silentLogger);
  publish("queue.dead", "bridge", {
    message_id: 1,
    destination: "matrix",
    lane: "!a:b",
    attempts: 1,
    reason: "no",
  });
  await t.store.write(() => undefined);
  expect(t.log.history({ channels: [">"] }, 0, 1).events[0]).toMatchObject({
    channel: "queue.matrix.dead",
    type: "queue.dead",
    priority: "critical",
  });
  expect(
    contractEvent("agent.heartbeat", "agent:a-1", {
      agent_id: "a-1",
      agent_type: "a",
      epoch: 1,
      seq: 1,
      activity: "active",
    }),
  ).toMatchObject({ channel: "agent.a-1.heartbeat", isVolatile: true });
});
