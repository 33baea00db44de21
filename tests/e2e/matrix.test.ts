import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Inbound } from "../../bridge/adapters/matrix/index.ts";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { bodies, logInPerson, type Person, startAccount, type TestAccount } from "../support/matrix/matrix.ts";
import { type Synapse, startSynapse, synapseIsThere } from "../support/matrix/synapse.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

describeIf(synapseIsThere(), "no Synapse", "the bridge in a Matrix room", () => {
  const temp = tempDirectory();
  let synapse: Synapse;
  let ann: TestAccount;
  let person: Person;
  let daemon: TestDaemon;
  let bridgeId: string;
  let secret: string;
  let open: string;
  let strange: string;
  const soon = () => AbortSignal.timeout(15_000);
  const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };

  const startBridge = () =>
    startTestDaemon({
      engine: "process",
      directories,
      flags: ["--config", join(temp.path, "config.toml")],
      start: ["heartbeat"],
      env: { ARMORCLAW_TEST_VALIDATE: "1" },
    });

  beforeAll(async () => {
    synapse = await startSynapse();
    bridgeId = await synapse.register("bridge", "secret");
    const annId = await synapse.register("ann", "secret");
    await synapse.register("eve", "secret");
    ann = await startAccount({ directory: join(temp.path, "ann") });
    await ann.adapter.logIn(synapse.url, { kind: "password", username: "ann", password: "secret" });
    person = await logInPerson(synapse, annId, "secret");
    secret = await person.createRoom({ encrypted: true, invite: [bridgeId, "@eve:localhost"] });
    open = await person.createRoom({ encrypted: false, invite: [bridgeId] });
    strange = await person.createRoom({ encrypted: false, invite: [bridgeId] });
    writeFileSync(
      join(temp.path, "config.toml"),
      `allow_unsandboxed = true
       [matrix]
       homeserver = "${synapse.url}"
       rooms = ["${secret}", "${open}"]
       [matrix.users]
       "${annId}" = "operator"
       [alerts]
       [[alerts.rules]]
       name = "death"
       types = ["agent.died"]
       severity = "critical"
       key = "{agent_id} {epoch}"
       text = "{agent_id} died"
       [[alerts.to]]
       destination = "matrix"
       lane = "${secret}"
       [loops.heartbeat]
       rooms = ["${open}"]`,
    );
    daemon = await startBridge();
  }, 60_000);

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await ann?.[Symbol.asyncDispose]();
    await synapse?.[Symbol.asyncDispose]();
    temp[Symbol.dispose]();
  });

  let said = 0;
  /** Sends a message as Ann, as soon as her homeserver accepts it. */
  const say = async (room: string, body: string, more: object = {}) => {
    const content = { msgtype: "m.text", body, ...more };
    const outgoing = { roomId: room, type: "m.room.message", content, transactionId: `ann${++said}` };
    return await until("her message", () => ann.adapter.send(outgoing, soon()));
  };
  /** Returns the bridge's answer in the thread of the event. */
  const answerTo = (eventId: string) =>
    until(
      "the answer",
      () =>
        ann.inbound.flatMap((one: Inbound) =>
          one.type === "matrix.message" && one.data.sender === bridgeId && one.data.thread_id === eventId
            ? [one.data]
            : [],
        )[0],
    );

  test("logs in from the command line, and joins configured rooms to which a trusted person invites it", async () => {
    expect((await daemon.cli(["matrix", "status"])).stdout).toMatch(/Not logged in/);
    const refused = await daemon.cli(["matrix", "login", "--username", "bridge", "--password", "@-"], "wrong\n");
    expect(refused.stderr).toMatch(/MATRIX_LOGIN_FAILED/);
    const login = await daemon.cli(
      ["matrix", "login", "--username", "bridge", "--password", "@-", "--json"],
      "secret\n",
    );
    expect(login.stderr).toBe("");
    expect(JSON.parse(login.stdout)).toMatchObject({ user_id: bridgeId, is_cross_signed: true, backup_version: "1" });
    expect(
      (await daemon.cli(["matrix", "login", "--username", "bridge", "--password", "@-"], "secret\n")).stderr,
    ).toMatch(/MATRIX_ALREADY_LOGGED_IN/);
    const rooms = await until("both rooms", async () => {
      const { rooms: known } = await daemon.client.call("matrix.rooms", {});
      return known.filter(({ membership }) => membership === "join").length === 2 ? known : undefined;
    });
    expect(rooms.find(({ room_id }) => room_id === secret)).toMatchObject({ encrypted: true, is_trusted: true });
    expect(rooms.find(({ room_id }) => room_id === strange)).toMatchObject({ membership: "invite", is_trusted: false });
    await until(
      "ann's sight of it",
      async () => (await ann.adapter.rooms(soon())).filter(({ members }) => members === 2).length === 2,
    );
    expect(await daemon.client.call("matrix.status", {})).toMatchObject({ connected: true, status: "connected" });
  }, 90_000);

  test("sends text, threads, replies, reactions and files, once for each key, encrypted where the room is", async () => {
    const send = (params: object) => daemon.client.call("matrix.send", { room_id: secret, message: "one", ...params });
    const first = await send({ dedupe_key: "k" });
    expect(first).toMatchObject({ state: "sent" });
    expect(await send({ dedupe_key: "k" })).toEqual(first);
    const root = String(first.event_id);
    await send({ message: "two", thread_id: root });
    await send({ message: "three", reply_to: root, html: "<b>three</b>" });
    await send({ message: "✅", reacts_to: root });
    await send({
      message: "a file",
      file: { name: "a.txt", mimetype: "text/plain", content: Buffer.from("hello").toString("base64") },
    });
    await until(
      "all of it",
      () => bodies(ann.inbound).includes("a file") && ann.inbound.some(({ type }) => type === "matrix.reaction"),
    );
    const messages = ann.inbound.flatMap((one) => (one.type === "matrix.message" ? [one.data] : []));
    expect(messages.map(({ body }) => body)).toEqual(["one", "two", "three", "a file"]);
    expect(messages.every(({ trust }) => trust === "verified")).toBe(true);
    expect(messages[1]).toMatchObject({ thread_id: root });
    expect(messages[2]).toMatchObject({ reply_to: root, html: "<b>three</b>" });
    expect(messages[3]?.media).toMatchObject({
      name: "a.txt",
      mimetype: "text/plain",
      size_bytes: 5,
      is_encrypted: true,
    });
    await person.request("POST", `rooms/${secret}/receipt/m.read/${messages[3]?.event_id}`, {});
    const states = await until("the delivery's states", async () => {
      const { events } = await daemon.client.call("event.history", {
        channels: ["matrix.>"],
        filter: { types: ["matrix.delivery"] },
      });
      const of = events
        .filter(({ data }) => data["transaction_id"] === first.transaction_id)
        .map(({ data }) => data["state"]);
      return of.includes("read") ? of : undefined;
    });
    expect(states.filter((state) => state !== "sent")).toEqual(["queued", "echoed", "read"]);
    await expect(daemon.client.call("matrix.send", { room_id: strange, message: "x" })).rejects.toMatchObject({
      code: "MATRIX_ROOM_NOT_TRUSTED",
    });
  });

  test("fetches the file of a message: decrypted, checked against its hash and bound, and only in trusted rooms", async () => {
    const bytes = randomBytes(200_000);
    const uploaded = await ann.adapter.media.upload(
      { roomId: secret, bytes, mimetype: "application/pdf", name: "plan.pdf" },
      soon(),
    );
    const { cursor } = await daemon.client.call("matrix.receive", {});
    const info = { mimetype: "application/pdf", size: bytes.length };
    const { eventId } = await say(secret, "the plan", { msgtype: "m.file", filename: "plan.pdf", info, ...uploaded });
    const { events } = await daemon.client.call("matrix.receive", { cursor, timeout_ms: 15_000 });
    expect(events[0]).toMatchObject({ kind: "file", media: { name: "plan.pdf", is_encrypted: true } });
    expect(JSON.stringify(events)).not.toContain("A256CTR");
    const params = { room_id: secret, event_id: eventId };
    const read = async (wanted: { room_id: string; event_id: string; bytes_max?: number }) => {
      const parts: Buffer[] = [];
      for await (const part of daemon.client.stream("matrix.download", wanted))
        parts.push(Buffer.from((part as { content: string }).content, "base64"));
      return parts;
    };
    const parts = await read(params);
    expect(parts.length).toBeGreaterThan(1);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    const output = join(temp.path, "plan.pdf");
    const written = await daemon.cli(["matrix", "download", secret, eventId, "--output", output]);
    expect([written.stdout, written.stderr]).toEqual([`${output}: 200000 bytes\n`, ""]);
    expect(readFileSync(output).equals(bytes)).toBe(true);
    const again = await daemon.cli(["matrix", "download", secret, eventId, "--output", output]);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("already exists")]);
    await expect(read({ ...params, bytes_max: 199_999 })).rejects.toThrow("more than 199999 bytes");
    await expect(read({ ...params, room_id: strange })).rejects.toMatchObject({ code: "MATRIX_ROOM_NOT_TRUSTED" });
    const { eventId: without } = await say(secret, "no file");
    await expect(read({ ...params, event_id: without })).rejects.toThrow("has no file");
    await until("the last of the file", async () => {
      const { events: later } = await daemon.client.call("matrix.receive", { cursor });
      return later.some(({ body }) => body === "no file");
    });
  });

  test("reads trusted people, by subscription and by pull; nobody else, no edits, no other rooms", async () => {
    const { cursor } = await daemon.client.call("matrix.receive", {});
    const eve = await logInPerson(synapse, "@eve:localhost", "secret");
    await eve.request("PUT", "profile/@eve:localhost/displayname", { displayname: "@ann:localhost" });
    await eve.request("POST", `join/${secret}`);
    await eve.request("PUT", `rooms/${secret}/send/m.room.message/e1`, {
      msgtype: "m.text",
      body: "!stop heartbeat-1",
    });
    const { eventId } = await say(open, "good morning");
    await say(open, "* !stop heartbeat-1", {
      "m.new_content": { msgtype: "m.text", body: "!stop heartbeat-1" },
      "m.relates_to": { rel_type: "m.replace", event_id: eventId },
    });
    await say(secret, "in secret");
    const heard = await until("both", async () => {
      const page = await daemon.client.call("matrix.receive", { cursor, timeout_ms: 5000 });
      return page.count === 2 ? page : undefined;
    });
    expect(heard.events.map(({ body, trust, sender }) => [body, trust, sender])).toEqual([
      ["good morning", "plain", "@ann:localhost"],
      ["in secret", "verified", "@ann:localhost"],
    ]);
    expect(await daemon.client.call("matrix.receive", { cursor: heard.cursor })).toMatchObject({ count: 0 });
    expect((await daemon.cli(["agent", "get", "heartbeat-1", "--json"])).stdout).toMatch(/"state":"running"/);
  });

  test("runs commands: those that change something only in the encrypted room, with the person's own role", async () => {
    expect((await answerTo((await say(open, "!ps")).eventId)).body).toMatch(/^heartbeat-1: running/);
    expect((await answerTo((await say(open, "!stop heartbeat-1")).eventId)).body).toMatch(/only in an encrypted room/);
    expect((await answerTo((await say(secret, "!logs heartbeat-1")).eventId)).body).not.toBe("");
    expect((await answerTo((await say(secret, "!stop heartbeat-1")).eventId)).body).toBe("heartbeat-1: stopped");
    expect((await answerTo((await say(secret, "!start heartbeat")).eventId)).body).toMatch(/^heartbeat-1: /);
    expect((await answerTo((await say(secret, "!status")).eventId)).body).toMatch(/^ArmorClaw .*running/);
    expect((await answerTo((await say(secret, "!help")).eventId)).body).toContain("!approve CODE");
    const { records } = await daemon.client.call("audit.tail", {});
    expect(JSON.stringify(records)).toContain("matrix:@ann:localhost");
  });

  test("goes on after kill -9 with the same device, and sends what was queued meanwhile once", async () => {
    const before = await daemon.client.call("matrix.status", {});
    await synapse.kill();
    const queued = await daemon.client.call("matrix.send", {
      room_id: secret,
      message: "while away",
      dedupe_key: "away",
      wait_ms: 0,
    });
    expect(queued).toMatchObject({ state: "queued", event_id: null });
    await daemon.client.close();
    await daemon.end("SIGKILL");
    await synapse.restart();
    await say(secret, "are you there?");
    daemon = await startBridge();
    await until("the link", async () => (await daemon.client.call("matrix.status", {})).connected, 30_000);
    await until("the queued messages", () => bodies(ann.inbound).includes("while away"));
    expect(bodies(ann.inbound).filter((body) => body === "while away")).toHaveLength(1);
    const heard = await until("the messages sent meanwhile", async () => {
      const { events } = await daemon.client.call("matrix.receive", { cursor: 0, limit: 1000 });
      return events.find(({ body }) => body === "are you there?");
    });
    expect(heard).toMatchObject({ trust: "verified" });
    const after = await daemon.client.call("matrix.status", {});
    expect([after.device_id, after.fingerprint]).toEqual([before.device_id, before.fingerprint]);
  }, 60_000);

  test("alerts the room of an agent's death", async () => {
    const { pid } = await until("the agent", async () => {
      const info = await daemon.client.call("agent.get", { agent_id: "heartbeat-1" });
      return info.state === "running" && info.pid !== null ? info : undefined;
    });
    const known = ann.inbound.length;
    const diedAt = performance.now();
    process.kill(Number(pid), "SIGKILL");
    await until(
      "the alert",
      () => bodies(ann.inbound.slice(known)).find((body) => body.includes("heartbeat-1 died")),
      15_000,
    );
    const tookMs = Math.round(performance.now() - diedAt);
    process.stderr.write(`Matrix: an agent's death was in the room after ${tookMs} ms\n`);
    // The default rule and times apply: the alert is sent at once, or with the others of the minute.
    await until(
      "the bridge's own event",
      () => bodies(ann.inbound.slice(known)).find((body) => body.includes("heartbeat-1 exited unexpectedly")),
      80_000,
    );
  }, 120_000);

  test("logs out, and deletes the device and its keys", async () => {
    expect((await daemon.cli(["matrix", "logout"])).code).toBe(0);
    expect((await daemon.cli(["matrix", "rooms"])).stderr).toMatch(/MATRIX_LOGGED_OUT/);
    expect(await daemon.client.call("matrix.status", {})).toMatchObject({ logged_in: false, status: "not_configured" });
  });
});
