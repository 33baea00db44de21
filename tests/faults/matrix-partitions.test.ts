import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { describeIf } from "../support/machine/require-part.ts";
import { bodies, logInPerson, startAccount } from "../support/matrix/matrix.ts";
import { startSynapse, synapseIsThere } from "../support/matrix/synapse.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { type Fault, startFaultyProxy } from "../support/wire/faulty-proxy.ts";

const partitions = Number(process.env["ARMORCLAW_TEST_MATRIX_PARTITIONS"] ?? 20);
const faults: readonly (Fault | "restart")[] = [
  "refuse",
  "answer-lost",
  "status-429",
  "black-hole",
  "status-502",
  "slow",
  "cut-mid-answer",
  "restart",
];
const perFault = 4;

describeIf(synapseIsThere(), "no Synapse", "a homeserver that comes and goes", () => {
  test(
    `${partitions} faults: all queued messages arrive once, in their room's order, and so do people's messages`,
    async () => {
      using temp = tempDirectory();
      await using synapse = await startSynapse();
      await using proxy = await startFaultyProxy(synapse.port);
      const [bridgeId, annId] = [await synapse.register("bridge", "secret"), await synapse.register("ann", "secret")];
      await using ann = await startAccount({ directory: join(temp.path, "ann") });
      await ann.adapter.logIn(synapse.url, { kind: "password", username: "ann", password: "secret" });
      await using bridge = await startAccount({ directory: join(temp.path, "bridge") });
      await bridge.adapter.logIn(proxy.url, { kind: "password", username: "bridge", password: "secret" });
      const person = await logInPerson(synapse, annId, "secret");
      const rooms: string[] = [];
      for (const encrypted of [true, false]) rooms.push(await person.createRoom({ encrypted, invite: [bridgeId] }));
      await until("the bridge in both rooms", async () => {
        const known = await ann.adapter.rooms(AbortSignal.timeout(5000));
        return known.filter(({ members }) => members === 2).length === 2;
      });

      let lagMax = 0;
      for (let round = 0; round < partitions; round += 1) {
        const fault = faults[round % faults.length] ?? "refuse";
        if (fault === "restart") await synapse.kill();
        else proxy.fault = fault;
        for (let n = round * perFault; n < (round + 1) * perFault; n += 1) {
          for (const room of rooms) await bridge.queue(room, `${room} ${n}`, `alert ${n}`);
          // A person's messages bypass the proxy; the bridge's traffic goes through it.
          if (fault !== "restart")
            await person.request("PUT", `rooms/${rooms[1]}/send/m.room.message/p${n}`, {
              msgtype: "m.text",
              body: `word ${n}`,
            });
        }
        await sleep(200 + ((round * 7919) % 700));
        if (fault === "restart") await synapse.restart();
        else proxy.fault = "none";
        const healedAt = performance.now();
        await until("the queue to empty", () => bridge.waiting() === 0, 60_000);
        lagMax = Math.max(lagMax, performance.now() - healedAt);
      }

      const count = partitions * perFault;
      const expected = Array.from({ length: count }, (_, n) => `alert ${n}`);
      await until(
        "all queued messages",
        () => bodies(ann.inbound).filter((body) => body.startsWith("alert")).length >= 2 * count,
      );
      for (const room of rooms) {
        const heard = ann.inbound.filter(
          (one) => one.type === "matrix.message" && one.data.room_id === room && one.data.sender === bridgeId,
        );
        expect(bodies(heard)).toEqual(expected);
      }
      expect(ann.inbound.filter(({ type }) => type === "matrix.undecryptable")).toEqual([]);
      const words = Array.from({ length: count }, (_, n) => n)
        .filter((n) => faults[Math.floor(n / perFault) % faults.length] !== "restart")
        .map((n) => `word ${n}`);
      await until("all messages of people", () => bodies(bridge.inbound).length >= words.length);
      expect(bodies(bridge.inbound)).toEqual(words);
      process.stderr.write(
        `Matrix, ${partitions} faults (${proxy.hits} requests hit): ${2 * count} queued, ${2 * count} arrived, 0 twice; ` +
          `${words.length} heard; the queue emptied at most ${Math.round(lagMax)} ms after the fault\n`,
      );
    },
    60_000 + partitions * 20_000,
  );
});
