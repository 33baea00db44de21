import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { encodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import { describeIf } from "../support/machine/require-part.ts";
import { bodies, logInPerson, memorySecrets, startAccount, type TestAccount } from "../support/matrix/matrix.ts";
import { type Synapse, startSynapse, synapseIsThere } from "../support/matrix/synapse.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

describeIf(synapseIsThere(), "no Synapse", "the bridge's identity on Matrix", () => {
  const temp = tempDirectory();
  let synapse: Synapse;
  let ann: TestAccount;
  let bridge: TestAccount;
  let room: string;
  let bridgeId: string;
  const secrets = memorySecrets();
  const credentials = (username: string) => ({ kind: "password", username, password: "secret" }) as const;
  const soon = () => AbortSignal.timeout(20_000);
  let sent = 0;
  const say = (account: TestAccount, body: string) =>
    until("the message", () =>
      account.adapter.send(
        { roomId: room, type: "m.room.message", content: { msgtype: "m.text", body }, transactionId: `t${++sent}` },
        soon(),
      ),
    );

  beforeAll(async () => {
    synapse = await startSynapse();
    bridgeId = await synapse.register("bridge", "secret");
    const annId = await synapse.register("ann", "secret");
    ann = await startAccount({ directory: join(temp.path, "ann") });
    await ann.adapter.logIn(synapse.url, credentials("ann"));
    bridge = await startAccount({ directory: join(temp.path, "bridge"), secrets });
    await bridge.adapter.logIn(synapse.url, credentials("bridge"));
    const person = await logInPerson(synapse, annId, "secret");
    room = await person.createRoom({ encrypted: true, invite: [bridgeId] });
    await until("the bridge's join", async () => (await ann.adapter.rooms(soon()))[0]?.members === 2);
  }, 60_000);

  afterAll(async () => {
    await bridge?.[Symbol.asyncDispose]();
    await ann?.[Symbol.asyncDispose]();
    await synapse?.[Symbol.asyncDispose]();
    temp[Symbol.dispose]();
  });

  test("two devices compare emoji, and are verified from then on", async () => {
    const [mine, hers] = await Promise.all([
      bridge.adapter.verifications.verify("@ann:localhost", soon()),
      until("ann's side", () => ann.adapter.status().verifications.find(({ state }) => state === "compare")),
    ]);
    expect(mine.emoji).toHaveLength(7);
    expect(hers.emoji).toEqual(mine.emoji);
    const ends = await Promise.all([
      bridge.adapter.verifications.compare(mine.flowId, true, soon()),
      ann.adapter.verifications.compare(hers.flowId, true, soon()),
    ]);
    expect(ends.map(({ state }) => state)).toEqual(["done", "done"]);
  });

  test("a comparison that differs is cancelled on both sides", async () => {
    const [mine] = await Promise.all([
      bridge.adapter.verifications.verify("@ann:localhost", soon()),
      until("ann's side", () => ann.adapter.status().verifications.find(({ state }) => state === "compare")),
    ]);
    expect((await bridge.adapter.verifications.compare(mine.flowId, false, soon())).state).toBe("cancelled");
    await until("ann's end of it", () =>
      ann.adapter.status().verifications.every(({ state }) => state === "done" || state === "cancelled"),
    );
  });

  test("a message of a device that its owner has not signed is read as unverified", async () => {
    await using second = await startAccount({ directory: join(temp.path, "ann2") });
    const { identity } = await second.adapter.logIn(synapse.url, credentials("ann"));
    expect(identity?.isCrossSigned).toBe(false);
    await say(second, "from a new device");
    const heard = await until("it", () =>
      bridge.inbound.find((one) => one.type === "matrix.message" && one.data.body === "from a new device"),
    );
    expect(heard).toMatchObject({ data: { trust: "unverified" } });
  });

  test("after the keys were lost, the recovery key restores the same identity, and messages are read again", async () => {
    await say(ann, "before the loss");
    await until("it", () => bodies(bridge.inbound).includes("before the loss"));
    const { recoveryKey } = JSON.parse(secrets.values.get("matrix-session") ?? "{}") as { recoveryKey: string };
    await bridge[Symbol.asyncDispose]();
    bridge = await startAccount({ directory: join(temp.path, "bridge-anew") });
    const shown = encodeRecoveryKey(Buffer.from(recoveryKey, "base64"));
    const { identity } = await bridge.adapter.logIn(synapse.url, credentials("bridge"), shown);
    expect(identity).toMatchObject({ isCrossSigned: true, backupVersion: "1" });
    await say(ann, "after the loss");
    await until("it", () => bodies(bridge.inbound).includes("after the loss"));
    await say(bridge, "still me");
    const heard = await until("ann's sight of it", () =>
      ann.inbound.find((one) => one.type === "matrix.message" && one.data.body === "still me"),
    );
    expect(heard).toMatchObject({ data: { trust: "verified" } });
  });

  test("without a recovery key and another device the identity is unchanged, and that is reported", async () => {
    await using stranger = await startAccount({ directory: join(temp.path, "bridge-unsigned") });
    const { identity } = await stranger.adapter.logIn(synapse.url, credentials("bridge"));
    expect(identity?.isCrossSigned).toBe(false);
  });
});
