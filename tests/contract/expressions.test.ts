import { describe, expect, test } from "@jest/globals";
import { expressionsOf, slowness } from "../../scripts/structure/slow-expressions.ts";
import { isTest, sourceFiles } from "../../scripts/structure/source-files.ts";

/** Scripts read only this repository. */
const production = sourceFiles().filter(({ path }) => !isTest(path) && !path.startsWith("scripts/"));

/** Files that build expressions from text, with their number. Each is built from a constant of the bridge. */
const made: Readonly<Record<string, number>> = {
  "bridge/adapters/http/request-headers.ts": 3,
  "bridge/adapters/matrix/rooms/approval-messages.ts": 1,
  "bridge/adapters/webrtc/calls/agent-messages.ts": 1,
  "bridge/containers/attestation/attest-limits.ts": 1,
  "bridge/containers/kernel/proc.ts": 1,
};

describe("the search for slow expressions", () => {
  test.each([
    [/0+$/, "zeros within the text are each a start"],
    [/(?:a+)+$/, "the repetition is ambiguous"],
    [/a.*b/, "each a is a start"],
    [/\beyJ[A-Za-z0-9_-]{8,}\./g, "the start of a token may stand within a token"],
    [/^import\s[^;]*;$/gm, "the start of a line may stand within the match"],
    [/\/\*[\s\S]*?\*\//g, "a comment may hold the start of a comment"],
    [/\s+,/, "spaces within the text are each a start"],
  ])("finds %s: %s", ({ source, flags }) => {
    expect(slowness({ pattern: source, flags })).toBeDefined();
  });

  test.each([[/^a+$/], [/a+/], [/"[^"]*"/], [/<[^<>]{0,100}>/], [/^a+$/m], [/[a-z]+$/y], [/={1,2}$/], [/\bab{3}c/]])(
    "has nothing against %s, which takes linear time",
    ({ source, flags }) => {
      expect(slowness({ pattern: source, flags })).toBeUndefined();
    },
  );
});

test("no regular expression takes more than linear time for a text that a peer may choose", () => {
  const found = production.flatMap(({ path, text }) =>
    expressionsOf(text).literals.flatMap((expression) => {
      const why = slowness(expression);
      return why === undefined ? [] : [`${path}: /${expression.pattern}/${expression.flags}: ${why}`];
    }),
  );
  expect(found).toEqual([]);
}, 120_000);

test("no other file makes a regular expression from text", () => {
  const found = production.map(({ path, text }) => [path, expressionsOf(text).made] as const);
  expect(Object.fromEntries(found.filter(([, count]) => count > 0))).toEqual(made);
});
