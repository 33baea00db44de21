import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { silentLogger } from "../logging/index.ts";
import { systemClock } from "../platform/clock.ts";
import { Store } from "../store/index.ts";
import { type Approval, Approvals, approvalMigrations, ruleFor } from "./index.ts";

let directory: ReturnType<typeof tempDirectory>;
let store: Store;
let nowMs = 0;
let decided: Approval[];
beforeEach(() => {
  directory = tempDirectory();
  nowMs = 1_000_000;
  decided = [];
  openStore();
});
afterEach(() => {
  store.close();
  directory[Symbol.dispose]();
});

const openStore = () => {
  store = new Store(join(directory.path, "store.db"), approvalMigrations, "2026-11-21T08:00:00.000Z");
};
const clock = { ...systemClock, now: () => nowMs, after: () => ({ cancel: () => undefined }) };
const open = (settings = { ttlMs: 1_000, pendingMax: 3 }) =>
  new Approvals(
    { store, clock, logger: silentLogger, onRequested: () => undefined, onDecided: (one) => decided.push(one) },
    settings,
  );
const question = (request = '{"to":"ann"}', requester = "agent:gmail-1") => ({
  requester,
  method: "http.request",
  request,
});

describe("Approvals", () => {
  test("each denial in a row makes the agent wait longer before it may ask again; an approval resets that, and no other agent waits", async () => {
    const approvals = open({ ttlMs: 1_000_000, pendingMax: 100 });
    const ask = (n: number, requester?: string) => approvals.request(question(`{"n":${n}}`, requester));
    const answer = async (status: "approved" | "denied", n: number) =>
      await approvals.answer(status, { id: (await ask(n)).id, by: "user:0" });
    let asked = 0;
    for (let n = 0; n < 1_000; n++, nowMs += 10) {
      try {
        await answer("denied", n);
        asked += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: "APPROVAL_LIMIT", message: expect.stringContaining("said no") });
      }
    }
    expect(asked).toBe(4);
    await ask(1, "agent:gmail-2");
    nowMs += 10_000;
    await answer("approved", 2_000);
    await ask(2_001);
  });

  test("an approved call runs once, and only with the parameters that were shown", async () => {
    const approvals = open();
    const asked = await approvals.request(question());
    await expect(approvals.demand(question())).rejects.toMatchObject({
      code: "APPROVAL_PENDING",
      details: { approval_id: asked.id },
    });
    await approvals.answer("approved", { id: asked.id, by: "user:0", digest: asked.digest });
    await expect(approvals.demand(question('{"to":"bob"}'))).rejects.toMatchObject({ code: "APPROVAL_PENDING" });
    await expect(approvals.demand(question(undefined, "agent:gmail-2"))).rejects.toMatchObject({
      code: "APPROVAL_PENDING",
    });
    await approvals.demand(question());
    await expect(approvals.demand(question())).rejects.toMatchObject({ code: "APPROVAL_PENDING" });
  });

  test("the first answer counts, from whatever surface", async () => {
    const approvals = open();
    const { id } = await approvals.request(question());
    const answers = await Promise.allSettled([
      approvals.answer("denied", { id, by: "matrix:@ann:example.org" }),
      approvals.answer("approved", { id, by: "user:0" }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(approvals.get(id)).toMatchObject({ status: "denied", decidedBy: "matrix:@ann:example.org" });
    await expect(approvals.demand(question())).rejects.toMatchObject({ code: "APPROVAL_DENIED" });
    expect(decided.map(({ status }) => status)).toEqual(["denied"]);
  });

  test("an unanswered question is denied, and a late answer changes nothing", async () => {
    const approvals = open();
    const { id } = await approvals.request(question());
    nowMs += 1_000;
    await expect(approvals.answer("approved", { id, by: "user:0" })).rejects.toMatchObject({
      code: "APPROVAL_SETTLED",
    });
    expect(approvals.get(id).status).toBe("expired");
    await approvals.start();
    expect(decided).toMatchObject([{ id, status: "expired" }]);
    await expect(approvals.demand(question())).rejects.toMatchObject({ code: "APPROVAL_PENDING" });
  });

  test("an approval that is not used in time is void", async () => {
    const approvals = open();
    const { id } = await approvals.request(question());
    await approvals.answer("approved", { id, by: "user:0" });
    nowMs += 1_000;
    await expect(approvals.demand(question())).rejects.toMatchObject({ code: "APPROVAL_PENDING" });
  });

  test("refuses another digest, people who may not answer, and too many questions", async () => {
    const approvals = open();
    const { id } = await approvals.request(question(), "please", ["matrix:@ann:example.org"]);
    const answer = (by: string, digest?: string) => approvals.answer("approved", { id, by, digest });
    await expect(answer("matrix:@ann:example.org", "0".repeat(64))).rejects.toMatchObject({
      code: "APPROVAL_MISMATCH",
    });
    await expect(answer("matrix:@ANN:example.org")).rejects.toMatchObject({ code: "FORBIDDEN" });
    await approvals.request(question("1"));
    await approvals.request(question("2"));
    await expect(approvals.request(question("3"))).rejects.toMatchObject({ code: "APPROVAL_LIMIT" });
    await expect(approvals.answer("denied", { id: "ap_0000000000000000", by: "user:0" })).rejects.toMatchObject({
      code: "APPROVAL_NOT_FOUND",
    });
  });

  test("a record that was changed in the database is not acted on", async () => {
    const approvals = open();
    const { id } = await approvals.request(question());
    store.writeNow((sql) => sql.run('UPDATE approvals SET request = \'{"to":"eve"}\' WHERE id = ?', id));
    await expect(approvals.answer("approved", { id, by: "user:0" })).rejects.toMatchObject({
      code: "APPROVAL_MISMATCH",
    });
  });

  test("an effect and its approval are one transaction: when the effect fails, nothing was answered", async () => {
    const approvals = open();
    const { id } = await approvals.request(question());
    approvals.onApproved(question().method, () => {
      throw new Error("changed");
    });
    const failing = approvals.answer("approved", { id, by: "user:0" });
    await expect(failing).rejects.toThrow("changed");
    expect(approvals.get(id).status).toBe("pending_approval");
    approvals.onApproved(question().method, () => () => undefined);
    const done = await approvals.answer("approved", { id, by: "user:0" });
    expect(done.status).toBe("used");
  });
});

/** A random number generator that is small, fast, and equal everywhere. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test("interleavings of approve, deny, expiry, use and restart have exactly one outcome each", async () => {
  const perWave = 2_000;
  // `npm test` makes fewer of them, so that it is soon over.
  const waves = Number(process.env["ARMORCLAW_TEST_INTERLEAVINGS"] ?? 100_000) / perWave;
  const seed = 20_261_121;
  const random = generator(seed);
  const outcomes: Record<string, number> = {};
  const wrong: unknown[] = [];
  for (let wave = 0; wave < waves; wave++) {
    const lifetimes = open({ ttlMs: 500 + Math.floor(random() * 2_500), pendingMax: perWave });
    let approvals = lifetimes;
    const asked = await Promise.all(
      Array.from({ length: perWave }, (_, n) => approvals.request(question(`${wave}.${n}`, `agent:a-${n}`))),
    );
    const answers = new Map(asked.map(({ id }) => [id, [] as string[]]));
    const uses = new Map(asked.map(({ id }) => [id, 0]));
    for (let round = 0; round < 5; round++) {
      const steps = asked.map(async ({ id, request, requester }) => {
        const choice = random();
        try {
          if (choice < 0.3) answers.get(id)?.push((await approvals.answer("approved", { id, by: "user:0" })).status);
          else if (choice < 0.5)
            answers.get(id)?.push((await approvals.answer("denied", { id, by: "matrix:@a:b" })).status);
          else if (choice < 0.8) {
            await approvals.demand(question(request, requester));
            uses.set(id, (uses.get(id) ?? 0) + 1);
          }
        } catch (error) {
          expect(["APPROVAL_SETTLED", "APPROVAL_PENDING", "APPROVAL_DENIED", "APPROVAL_LIMIT"]).toContain(
            (error as { code?: string }).code,
          );
        }
      });
      await Promise.all(steps);
      nowMs += Math.floor(random() * 800);
      if (random() < 0.4) {
        await approvals.stop();
        if (random() < 0.2) {
          store.close();
          openStore();
        }
        approvals = open({ ttlMs: 1_500, pendingMax: perWave });
        await approvals.start();
      }
    }
    nowMs += 10_000;
    await approvals.start();
    for (const { id } of asked) {
      const { status } = approvals.get(id);
      const [answer, ...more] = answers.get(id) ?? [];
      const used = uses.get(id) ?? 0;
      const expected = used === 1 ? "used" : answer === "denied" ? "denied" : "expired";
      const isRight = more.length === 0 && used <= 1 && status === expected && (used === 0 || answer === "approved");
      if (!isRight) wrong.push({ id, status, answer, more, used });
      outcomes[status] = (outcomes[status] ?? 0) + 1;
    }
    await approvals.stop();
    store.writeNow((sql) => sql.run("DELETE FROM approvals"));
  }
  expect(wrong).toEqual([]);
  expect(Object.values(outcomes).reduce((sum, count) => sum + count)).toBe(perWave * waves);
  expect(Math.min(...["used", "denied", "expired"].map((status) => outcomes[status] ?? 0))).toBeGreaterThan(
    (perWave * waves) / 20,
  );
}, 240_000);

test("ruleFor() takes the first rule that names loop, method, host and HTTP method", () => {
  const rules = [
    { loops: ["gmail"], method: "http.request", hosts: ["api.example.org"], httpMethods: ["POST"] },
    { method: "event.publish" },
  ];
  const call = (loop: string, method: string, params: unknown) => ruleFor(rules, { loop, method, params });
  const post = { url: "https://api.example.org/send", method: "POST" };
  expect(call("gmail", "http.request", post)).toBe(rules[0]);
  expect(call("gmail", "http.request", { ...post, url: "https://API.EXAMPLE.ORG/x" })).toBe(rules[0]);
  expect(call("gmail", "http.request", { ...post, method: "GET" })).toBeUndefined();
  expect(call("gmail", "http.request", { ...post, url: "https://api.example.org.evil.test/" })).toBeUndefined();
  expect(call("heartbeat", "http.request", post)).toBeUndefined();
  expect(call("heartbeat", "event.publish", {})).toBe(rules[1]);
});
