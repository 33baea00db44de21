import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import type { TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { bodies, type TestAccount } from "../support/matrix/matrix.ts";
import { everythingHeard, startMatrixWorld } from "../support/matrix/matrix-daemon.ts";
import { synapseIsThere } from "../support/matrix/synapse.ts";
import { until } from "../support/until.ts";

const kills = Number(process.env["ARMORCLAW_TEST_MATRIX_KILLS"] ?? 30);
const numbered = (who: string, length: number) => Array.from({ length }, (_, n) => `from ${who} ${n}`);

describeIf(synapseIsThere(), "no Synapse", "an encrypted room while the bridge is killed again and again", () => {
  test(
    `${kills} times kill -9: every message arrives once, in order and readable, both ways, from the same device`,
    async () => {
      await using world = await startMatrixWorld();
      const { ann, room } = world;
      let bridge = await world.startBridge();
      await world.logIn(bridge);
      const before = await until("the bridge's identity", () => identityOf(bridge));
      const stop = new AbortController();
      const asked = keepSending(ann, room, stop.signal);
      let queued = 0;
      for (let kill = 0; kill < kills; kill += 1) {
        const sending = queueUntilKilled(bridge, room, queued);
        // The kill comes at any time from before the connection to the middle of the work; a slow machine would otherwise never be killed that late.
        if (kill % 4 === 3)
          await until("the link", async () => (await bridge.client.matrix.status()).connected, 120_000);
        await sleep((kill * 7919) % 1500);
        await bridge.end("SIGKILL");
        queued = await sending;
        await bridge.client.close();
        bridge = await world.startBridge();
      }
      stop.abort();
      const askedCount = await asked;
      await using last = bridge;
      // The bridge also reports in this room that it ended without an orderly stop.
      const sent = () => bodies(ann.inbound).filter((body) => body.startsWith("from bridge"));
      await untilAll("the bridge's messages", queued, () => sent().length);
      expect(sent()).toEqual(numbered("bridge", queued));
      expect(ann.inbound.every((one) => one.type === "matrix.message" && one.data.trust === "verified")).toBe(true);
      let heard: string[] = [];
      await untilAll("ann's messages", askedCount, async () => {
        heard = await everythingHeard(last);
        return heard.length;
      });
      expect(heard).toEqual(numbered("ann", askedCount));
      expect(await until("the link", () => identityOf(last))).toEqual(before);
      process.stderr.write(
        `Matrix, ${kills} kills of the bridge: ${queued} of ${queued} sent, ${askedCount} of ${askedCount} heard, each once\n`,
      );
    },
    120_000 + kills * 20_000,
  );
});

/** Waits as long as their number grows. */
async function untilAll(what: string, wanted: number, count: () => Promise<number> | number): Promise<void> {
  for (let known = await count(); known < wanted; )
    known = await until(
      `more of ${what} than ${known} of ${wanted}`,
      async () => {
        const now = await count();
        return now > known && now;
      },
      60_000,
    );
}

/**
 * Queues numbered messages, one after the other, until the bridge is killed. A message that was not acknowledged is queued
 * again by the next one, under the same key.
 * @returns the number of the next
 */
async function queueUntilKilled({ client }: TestDaemon, roomId: string, from: number): Promise<number> {
  for (let n = from; ; n += 1) {
    try {
      const message = `from bridge ${n}`;
      await client.call("matrix.send", { room_id: roomId, message, dedupe_key: `number ${n}`, wait_ms: 0 });
    } catch (error) {
      if ((error as { name?: string }).name !== "ConnectionError") throw error;
      return n;
    }
    await sleep(100);
  }
}

/** @returns how many were sent */
async function keepSending(account: TestAccount, roomId: string, signal: AbortSignal): Promise<number> {
  let sent = 0;
  for (; !signal.aborted; sent += 1) {
    const content = { msgtype: "m.text", body: `from ann ${sent}` };
    const outgoing = { roomId, type: "m.room.message", content, transactionId: `a${sent}` };
    await account.adapter.send(outgoing, AbortSignal.timeout(20_000));
    await sleep(100);
  }
  return sent;
}

async function identityOf({ client }: TestDaemon) {
  const { device_id: deviceId, fingerprint, is_cross_signed: isSigned } = await client.call("matrix.status", {});
  return fingerprint === null ? undefined : { deviceId, fingerprint, isSigned };
}
