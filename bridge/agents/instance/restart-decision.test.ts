import { BridgeError, type ExitInfo } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { decideNext, RestartPolicy, type RunEnd } from "./restart-decision.ts";

const settings = { initialMs: 500, maxMs: 4_000, healthyAfterMs: 10_000, failuresMax: 100, windowMs: 1_000_000 };

test("the first restart is immediate, then waits double up to a longest with 20 % jitter, and start over after a healthy time", () => {
  const policy = new RestartPolicy(settings, () => 0.999_999);
  const waits = [0, 0, 0, 0, 0, 20_000].map((ranMs, at) => policy.failed(at, ranMs));
  expect(waits).toEqual([0, 500, 1_000, 2_000, 4_000, 0]);
  for (const [random, wait] of [
    [0, 400],
    [0.5, 450],
  ] as const) {
    const jittered = new RestartPolicy(settings, () => random);
    expect([jittered.failed(0, 0), jittered.failed(1, 0)]).toEqual([0, wait]);
  }
  policy.reset();
  expect(policy.failed(7, 0)).toBe(0);
});

test("too many failures within the window are a crash loop, but not when they are far apart", () => {
  const dense = new RestartPolicy({ ...settings, failuresMax: 3, windowMs: 100 }, () => 0.5);
  expect([0, 10, 20].map((at) => dense.failed(at, 0) === undefined)).toEqual([false, false, true]);
  const sparse = new RestartPolicy({ ...settings, failuresMax: 3, windowMs: 100 }, () => 0.5);
  expect([0, 60, 120, 180].map((at) => sparse.failed(at, 0) === undefined)).toEqual([false, false, false, false]);
});

const exit = (reason: ExitInfo["reason"]): ExitInfo => ({
  code: 1,
  signal: null,
  reason,
  message: `It ended: ${reason}`,
});
const run: RunEnd = {
  stop: undefined,
  failure: undefined,
  exit: exit("error"),
  restart: "always",
  suspends: "never",
  keepsTrying: false,
  hasRun: true,
  wasAdoption: false,
  countFailure: () => 500,
};
const died = { exit: exit("killed") };
const completed = { exit: exit("completed") };
const failedStart = (code: "AGENT_START_FAILED" | "ENGINE_UNAVAILABLE" | "ATTESTATION_FAILED") => ({
  failure: new BridgeError(code),
  exit: null,
});

test.each<[string, Partial<RunEnd>, object]>([
  [
    "it was asked to stop",
    { ...died, stop: { message: "why" } },
    { state: "stopped", message: "why", isStillDesired: true },
  ],
  ["it was idle", { suspends: "now" }, { state: "suspended" }],
  ["it died", died, { state: "backoff", waitMs: 500 }],
  [
    "it died too often",
    { ...died, countFailure: () => undefined },
    { state: "failed", cause: "crash-loop", isStillDesired: true },
  ],
  ["it completed, and is always restarted", completed, { state: "backoff" }],
  ["it completed", { ...completed, restart: "on-failure" }, { state: "stopped", isStillDesired: false }],
  [
    "it completed, and waits when idle",
    { ...completed, restart: "on-failure", suspends: "when-done" },
    { state: "suspended" },
  ],
  ["it died, and is restarted on failure", { ...died, restart: "on-failure" }, { state: "backoff" }],
  ["it died, and is never restarted", { ...died, restart: "never" }, { state: "failed", cause: "ended" }],
  [
    "its first start failed",
    { ...failedStart("AGENT_START_FAILED"), hasRun: false },
    { state: "failed", cause: "cannot-start", isStillDesired: false },
  ],
  [
    "its first start failed, and no caller waits",
    { ...failedStart("AGENT_START_FAILED"), hasRun: false, keepsTrying: true },
    { state: "backoff" },
  ],
  ["a later start failed", failedStart("AGENT_START_FAILED"), { state: "backoff" }],
  [
    "its isolation was not confirmed",
    failedStart("ATTESTATION_FAILED"),
    { state: "failed", cause: "cannot-start", isStillDesired: true },
  ],
  ["the engine did not answer", failedStart("ENGINE_UNAVAILABLE"), { state: "engine-unreachable" }],
  [
    "its container could not be adopted",
    { ...failedStart("AGENT_START_FAILED"), hasRun: false, wasAdoption: true },
    { state: "backoff", waitMs: 0 },
  ],
])("decideNext() when %s", (_, end, decision) => expect(decideNext({ ...run, ...end })).toMatchObject(decision));
