import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { TestDaemon } from "../support/daemon.ts";
import { agentCall } from "../support/engines/agent-line.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { logInPerson, startAccount, type TestAccount } from "../support/matrix/matrix.ts";
import { type MatrixWorld, startMatrixWorld } from "../support/matrix/matrix-daemon.ts";
import { synapseIsThere } from "../support/matrix/synapse.ts";
import { until } from "../support/until.ts";

/** Lets the test send an event as Ann with another timestamp. */
const appService = `{id: clock, as_token: as-secret, hs_token: hs-secret, url: null, sender_localpart: clock,
  namespaces: {users: [{regex: "@ann:localhost", exclusive: false}]}}`;

describeIf(synapseIsThere(), "no Synapse", "commands from a Matrix room", () => {
  let world: MatrixWorld;
  let daemon: TestDaemon;
  let bob: TestAccount;
  let annOnNewDevice: TestAccount;

  beforeAll(async () => {
    world = await startMatrixWorld({
      engine: "sandbox",
      start: ["heartbeat"],
      users: { "@bob:localhost": "viewer" },
      synapse: ["app_service_config_files: [/data/clock.yaml]", { "clock.yaml": appService }],
    });
    const { synapse, path, person, room } = world;
    await synapse.register("bob", "secret");
    bob = await startAccount({ directory: join(path, "bob") });
    await bob.adapter.logIn(synapse.url, { kind: "password", username: "bob", password: "secret" });
    annOnNewDevice = await startAccount({ directory: join(path, "ann2") });
    await annOnNewDevice.adapter.logIn(synapse.url, { kind: "password", username: "ann", password: "secret" });
    await person.request("POST", `rooms/${room}/invite`, { user_id: "@bob:localhost" });
    daemon = await world.startBridge();
    await world.logIn(daemon);
    await until("bob in the room", async () => {
      const [only] = await bob.adapter.rooms(AbortSignal.timeout(5000));
      return only?.members === 3;
    });
    await until("the agent", async () => (await daemon.client.bridge.status()).agents.running === 1);
  }, 120_000);

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await annOnNewDevice?.[Symbol.asyncDispose]();
    await bob?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  /** Sends a command and returns the bridge's answer. */
  const ask = async (body: string, room = world.room, who?: TestAccount) =>
    await world.answerTo(await world.say(room, body, {}, who));
  const stateOf = async (agentId: string) => (await daemon.client.agent.get({ agent_id: agentId })).state;
  /** Asks an agent's question, and returns its code from the room's message. */
  const question = async (action: string) => {
    // After a denial, an agent has to wait before its next question.
    const result = await until(
      "the pause after a denial",
      async () => (await agentCall(daemon, "heartbeat-1", "approval.request", { action, details: { n: 1 } })).result,
    );
    const id = String(result?.["approval_id"]);
    const asked = await until(
      "the question",
      () =>
        world.ann.inbound.flatMap((one) =>
          one.type === "matrix.message" && one.data.body.includes(`"action":"${action}"`) ? [one.data] : [],
        )[0],
    );
    const code = /!approve ([0-9a-f]{16})/.exec(asked.body)?.[1] ?? "none";
    expect(code).not.toBe(id.replace("ap_", ""));
    return { code, id, asked };
  };
  const react = async (eventId: string, key: string, who = world.ann) => {
    const content = { "m.relates_to": { rel_type: "m.annotation", event_id: eventId, key } };
    const transactionId = `${eventId} ${key}`;
    await who.adapter.send(
      { roomId: world.room, type: "m.reaction", content, transactionId },
      AbortSignal.timeout(15_000),
    );
  };
  const statusOf = async (id: string) => (await daemon.client.approval.get({ approval_id: id })).status;

  test("pauses an agent and resumes it", async () => {
    expect(await ask("!pause heartbeat-1")).toBe("heartbeat-1: paused");
    expect(await stateOf("heartbeat-1")).toBe("paused");
    expect(await ask("!resume heartbeat-1")).toBe("heartbeat-1: running");
    expect(await stateOf("heartbeat-1")).toBe("running");
  });

  test("reports what was spent, in money", async () => {
    expect(await ask("!budget")).toMatch(/^global per day: \$0\.00 of \$5\.00 \(0 %\)/);
  });

  test("sends an agent's question to the room, whole and with a notification, and accepts one answer", async () => {
    const { code, id, asked } = await question("mail.send");
    expect(asked).toMatchObject({ kind: "text", trust: "verified", room_id: world.room });
    expect(asked).toMatchObject({ body: expect.stringContaining('{"action":"mail.send","details":{"n":1}}') });
    expect(await ask("!approvals")).toMatch(new RegExp(`^${code}: heartbeat-1 requests approval\\.request until `));
    expect(await ask(`!approve ${code}`)).toBe("Approved.");
    expect(await daemon.client.approval.get({ approval_id: id })).toMatchObject({
      status: "approved",
      decided_by: "matrix:@ann:localhost",
    });
    expect(await world.answerTo(asked.event_id)).toMatch(/^Approved by matrix:@ann:localhost/);
    expect(await ask(`!approve ${code}`)).toMatch(/^APPROVAL_SETTLED: .* is approved/);
    expect(await ask(`!deny ${code}`)).toMatch(/^APPROVAL_SETTLED/);
    expect(await statusOf(id)).toBe("approved");
    expect(await ask("!approvals")).toBe("No approval waits for an answer.");
  });

  test("the first answer counts, whether it came from the room or the command line", async () => {
    const first = await question("first");
    expect((await daemon.cli(["deny", first.id])).code).toBe(0);
    expect(await ask(`!approve ${first.code}`)).toMatch(/^APPROVAL_SETTLED: .* is denied/);
    const second = await question("second");
    expect(await ask(`!deny ${second.code}`)).toBe("Denied.");
    expect((await daemon.cli(["approve", second.id])).stderr).toContain("APPROVAL_SETTLED");
    expect([await statusOf(first.id), await statusOf(second.id)]).toEqual(["denied", "denied"]);
  });

  test("refuses a wrong code, a code of another room, and a reaction", async () => {
    const { code, id, asked } = await question("guess");
    for (const other of ["0123456789abcdef", id, id.replace("ap_", "")])
      expect(await ask(`!approve ${other}`)).toMatch(/^This room has no approval request with that code/);
    expect(await ask("!approve")).toBe("Usage: !approve CODE");
    expect(await ask(`!approve ${code}`, world.openRoom)).toMatch(/only in an encrypted room/);
    await react(asked.event_id, "✅");
    expect(await world.answerTo(asked.event_id)).toBe(
      `Reactions are not accepted as answers here. Write: !approve ${code}  or  !deny ${code}`,
    );
    expect(await statusOf(id)).toBe("pending_approval");
    expect(await ask(`!deny ${code}`)).toBe("Denied.");
  });

  test("refuses a command that changes something from a device that its owner has not signed, and from a role without the right", async () => {
    expect(await ask("!pause heartbeat-1", world.room, annOnNewDevice)).toMatch(/^Your device is not verified/);
    expect(await ask("!ps", world.room, annOnNewDevice)).toMatch(/^heartbeat-1: running/);
    expect(await ask("!pause heartbeat-1", world.room, bob)).toMatch(/^FORBIDDEN: .*viewer/);
    expect(await ask("!panic", world.room, bob)).toMatch(/^FORBIDDEN/);
    expect(await ask("!ps", world.room, bob)).toMatch(/^heartbeat-1: running/);
    const refused = await until("the record of both", async () => {
      const { records } = await daemon.client.audit.tail({ limit: 1_000 });
      const found = records.filter(({ principal }) => principal === "matrix:@bob:localhost");
      return found.length >= 2 ? found : undefined;
    });
    expect(refused.map(({ method, result }) => [method, result])).toEqual([
      ["agent.pause", "FORBIDDEN"],
      ["bridge.panic", "FORBIDDEN"],
    ]);
    expect(await ask("!panic", world.openRoom)).toMatch(/only in an encrypted room/);
    expect(await stateOf("heartbeat-1")).toBe("running");
  });

  test("ignores strangers, edits, and old messages", async () => {
    const { synapse, person, room, openRoom } = world;
    const eveId = await synapse.register("eve", "secret");
    await person.request("POST", `rooms/${openRoom}/invite`, { user_id: eveId });
    const eve = await logInPerson(synapse, eveId, "secret");
    await eve.request("POST", `join/${openRoom}`);
    const { event_id: strange } = await eve.request("PUT", `rooms/${openRoom}/send/m.room.message/e1`, {
      msgtype: "m.text",
      body: "!ps",
    });
    const harmless = await world.say(room, "good morning");
    const edit = await world.say(room, "* !pause heartbeat-1", {
      "m.new_content": { msgtype: "m.text", body: "!pause heartbeat-1" },
      "m.relates_to": { rel_type: "m.replace", event_id: harmless },
    });
    const tenMinutesAgo = Date.now() - 600_000;
    const path = `rooms/${openRoom}/send/m.room.message/old?user_id=@ann:localhost&ts=${tenMinutesAgo}`;
    const answer = await fetch(`${synapse.url}/_matrix/client/v3/${path}`, {
      method: "PUT",
      headers: { authorization: "Bearer as-secret" },
      body: JSON.stringify({ msgtype: "m.text", body: "!ps" }),
    });
    const { event_id: old } = (await answer.json()) as { event_id: string };
    expect(await world.answerTo(old)).toMatch(/^That command was sent at .* Send it again/);
    // Both rooms have received an answer to a later message than the one that must not be answered.
    expect(await ask("!ps")).toMatch(/^heartbeat-1: running/);
    expect(await ask("!ps", openRoom)).toMatch(/^heartbeat-1: running/);
    const answered = world.ann.inbound.flatMap((one) => (one.type === "matrix.message" ? [one.data.thread_id] : []));
    expect([strange, harmless, edit].filter((eventId) => answered.includes(String(eventId)))).toEqual([]);
    const replies = () =>
      world.ann.inbound.flatMap((one) =>
        one.type === "matrix.message" && one.data.reply_to === harmless ? [one.data.body] : [],
      );
    await until("the answer to the edit", () => replies().length > 0);
    expect(replies()).toEqual(["An edited message is not executed. Send the command as a new message."]);
    const elsewhere = await person.createRoom({ encrypted: false, invite: [world.bridgeId] });
    await daemon.client.matrix.join({ room: elsewhere });
    const outside = await world.say(elsewhere, "!panic");
    await until("the answer in a room that is not configured", () =>
      world.ann.inbound.some((one) => one.type === "matrix.message" && one.data.reply_to === outside),
    );
    const { events } = await daemon.client.event.history({
      channels: ["matrix.*.command_refused"],
      limit: 1000,
    });
    const refusals = events.map(({ data }) => [data["sender"], data["command"], data["reason"]]);
    expect(refusals).toEqual(
      expect.arrayContaining([
        ["@eve:localhost", "ps", "unknown_sender"],
        ["@ann:localhost", "pause", "edited"],
        ["@ann:localhost", "ps", "too_old"],
        ["@ann:localhost", "panic", "unknown_room"],
        ["@ann:localhost", "approve", "wrong_code"],
        ["@ann:localhost", "pause", "not_verified"],
        ["@ann:localhost", "panic", "not_encrypted"],
      ]),
    );
    const { records } = await daemon.client.audit.tail({ limit: 1_000 });
    const recorded = records.map(({ principal, method }) => `${principal} ${method}`);
    expect(recorded).toEqual(
      expect.arrayContaining([
        "matrix:@eve:localhost matrix.command",
        "matrix:@ann:localhost matrix.command",
        "matrix:@ann:localhost bridge.panic",
      ]),
    );
    expect(await stateOf("heartbeat-1")).toBe("running");
  });

  test("asks an open question again when somebody removes it", async () => {
    const { code, id, asked } = await question("to be removed");
    const { person, room } = world;
    await person.request("PUT", `rooms/${room}/redact/${asked.event_id}/r1`, {});
    const again = await until(
      "the question once more",
      () =>
        world.ann.inbound.flatMap((one) =>
          one.type === "matrix.message" && one.data.body.includes("removed this question") ? [one.data] : [],
        )[0],
    );
    expect(again.body).toContain(`!deny ${code}`);
    expect(await ask(`!deny ${code}`)).toBe("Denied.");
    expect(await statusOf(id)).toBe("denied");
    await person.request("PUT", `rooms/${room}/redact/${again.event_id}/r2`, {});
    await until("both removals", async () => {
      const { events } = await daemon.client.event.history({ channels: ["matrix.*.redacted"], limit: 100 });
      return events.length === 2;
    });
    expect(await ask("!approvals")).toBe("No approval waits for an answer.");
  });

  test("stops everything at once, until somebody resumes on the machine", async () => {
    expect(await ask("!panic")).toMatch(/^All agents are stopped\./);
    expect(await ask("!start heartbeat")).toMatch(/^[A-Z_]+: .*panic/i);
    expect((await daemon.client.bridge.status()).agents.running).toBe(0);
    const { records } = await daemon.client.audit.tail({ limit: 100 });
    expect(records).toContainEqual(
      expect.objectContaining({ principal: "matrix:@ann:localhost", method: "bridge.panic", result: "ok" }),
    );
    expect((await daemon.cli(["bridge", "resume"])).code).toBe(0);
    expect(await ask("!start heartbeat")).toMatch(/^heartbeat-\d+: /);
  });

  test("accepts reactions as answers where the operator trusts the homeserver, and only from people who may answer", async () => {
    await daemon.client.close();
    await daemon.end("SIGTERM");
    daemon = await world.startBridge({ flags: ["--set", "matrix.reaction_approvals=true"] });
    await until("the agent", async () => (await stateOf("heartbeat-1")) === "running", 30_000);
    const first = await question("react to it");
    await react(first.asked.event_id, "✅", bob);
    expect(await world.answerTo(first.asked.event_id)).toMatch(/^FORBIDDEN: .*viewer/);
    await react(first.asked.event_id, "✅");
    await until("the approval", async () => (await statusOf(first.id)) === "approved");
    const second = await question("react to it again");
    await react(second.asked.event_id, "❎");
    await until("the denial", async () => (await statusOf(second.id)) === "denied");
    await react(second.asked.event_id, "👍");
    await until("the answer to a late approval", () =>
      world.ann.inbound.some(
        (one) =>
          one.type === "matrix.message" &&
          one.data.thread_id === second.asked.event_id &&
          one.data.body.startsWith("APPROVAL_SETTLED"),
      ),
    );
    expect(await statusOf(second.id)).toBe("denied");
  });
});
