import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { bodies, logInPerson, type Person } from "../support/matrix/matrix.ts";
import { type MatrixWorld, startMatrixWorld } from "../support/matrix/matrix-daemon.ts";
import { type Pager, startPager } from "../support/matrix/pager.ts";
import { synapseIsThere } from "../support/matrix/synapse.ts";
import { until } from "../support/until.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/wire/faulty-proxy.ts";

describeIf(synapseIsThere(), "no Synapse", "the bridge's link to its homeserver", () => {
  let world: MatrixWorld;
  let proxy: FaultyProxy;
  let pager: Pager;
  let daemon: TestDaemon;
  let device: { readonly device_id: string | null; readonly fingerprint: string | null };
  const start = (flags: readonly string[] = []) =>
    world.startBridge({ flags: ["--set", "keystore.source=passphrase", ...flags] });

  beforeAll(async () => {
    pager = await startPager();
    world = await startMatrixWorld({
      homeserver: async ({ port }) => {
        proxy = await startFaultyProxy(port);
        return proxy.url;
      },
      matrix: "poll_ms = 1000\nlost_after_ms = 3000",
      config: ({ room }) => `[webhooks]\npager = "${pager.url}/"
        [alerts]\ndigest_ms = 0
        [[alerts.to]]\ndestination = "matrix"\nlane = "${room}"\nmin_severity = "critical"
        [[alerts.to]]\ndestination = "webhook"\nlane = "pager"\n`,
    });
    daemon = await start();
  }, 120_000);

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
    await pager?.[Symbol.asyncDispose]();
  });

  const unlock = async () => expect((await daemon.cli(["keystore", "unlock"], "a passphrase\n")).stderr).toBe("");
  const status = () => daemon.client.matrix.status();
  /** Returns the device, once its link is connected. */
  const live = () =>
    until(
      "the link",
      async () => {
        const { connected, fingerprint, device_id, is_cross_signed } = await status();
        return connected && fingerprint !== null && { device_id, fingerprint, is_cross_signed };
      },
      60_000,
    );
  const logIn = async (args: readonly string[], secret: string) => {
    const { stdout, stderr } = await daemon.cli(["matrix", "login", ...args, "--json"], `${secret}\n`);
    return stderr === "" ? (JSON.parse(stdout) as { device_id: string; is_cross_signed: boolean }) : stderr;
  };
  /** A client that logs in with the bridge's account and password. */
  const elsewhere = (): Promise<Person> => logInPerson(world.synapse, world.bridgeId, "secret");
  /** Checks that the bridge has read each of Ann's messages once. */
  const heard = async () =>
    (await daemon.client.matrix.receive({ cursor: 0, limit: 1000 })).events.map(({ body }) => body);
  const send = (message: string) =>
    daemon.client.matrix.send({ room_id: world.room, message, dedupe_key: message, wait_ms: 0 });
  const arrives = (body: string) => until(body, () => bodies(world.ann.inbound).includes(body), 30_000);
  const wasTold = (start: string) => pager.told.some(({ text }) => text.startsWith(start));
  const times = (body: string) => bodies(world.ann.inbound).filter((one) => one === body).length;

  test("logs in with the token of a single sign-on, and refuses that while the device's keys cannot be stored", async () => {
    const { request } = await elsewhere();
    const { devices } = await request("GET", "devices");
    expect(await logIn(["--username", "bridge", "--password", "@-"], "secret")).toMatch(/keystore is locked/);
    expect((await request("GET", "devices"))["devices"]).toHaveLength((devices as unknown[]).length);
    await unlock();
    expect(await logIn(["--token", "@-"], "syt_nonsense")).toMatch(/MATRIX_LOGIN_FAILED/);
    const { login_token: token } = await request("POST", "../v1/login/get_token", {});
    expect(await logIn(["--login-token", "@-"], String(token))).toMatchObject({ is_cross_signed: true });
    await until("the room", async () => (await world.ann.adapter.rooms(AbortSignal.timeout(5000)))[0]?.members === 2);
    device = await live();
  }, 120_000);

  test("a sync that hangs is noticed and restarted, and nothing is lost", async () => {
    const { restarts } = await status();
    proxy.fault = "sync-stalls";
    await until("the stall", () => proxy.stalled > 0);
    await world.say(world.room, "while it stalls");
    const { error } = await until(
      "the watchdog",
      async () => {
        const now = await status();
        return now.restarts > restarts && now;
      },
      40_000,
    );
    expect(error).toMatch(/^no sync came back for \d+ s$/);
    proxy.fault = "none";
    await until("the messages sent meanwhile", async () => (await heard()).includes("while it stalls"), 40_000);
    expect(await live()).toEqual(device);
    await world.say(world.room, "and after");
    await until("the rest", async () => (await heard()).includes("and after"));
    expect(await heard()).toEqual(["while it stalls", "and after"]);
  }, 120_000);

  test("a homeserver that is unreachable for long is reported by another route, and so is its return, also by the next bridge", async () => {
    const lost = `The homeserver ${proxy.url} has not answered since `;
    proxy.fault = "refuse";
    await until("the alert", () => wasTold(lost), 30_000);
    await daemon.client.close();
    await daemon.end("SIGTERM");
    daemon = await start();
    await unlock();
    proxy.fault = "none";
    await until("the alert of its return", () => wasTold(`Resolved: ${lost}`), 40_000);
    expect(await live()).toEqual(device);
    const { events } = await daemon.client.event.history({
      channels: ["matrix.>"],
      filter: { types: ["matrix.link_lost", "matrix.link_restored"] },
    });
    expect(events.map(({ type }) => type).slice(-2)).toEqual(["matrix.link_lost", "matrix.link_restored"]);
  }, 120_000);

  test("waits for a keystore that is locked at the start, and resumes at its position when it is unlocked", async () => {
    await daemon.client.close();
    await daemon.end("SIGKILL");
    await world.say(world.room, "while it is away");
    daemon = await start();
    expect(await status()).toMatchObject({ status: "locked", logged_in: false, error: null });
    expect((await daemon.cli(["matrix", "status"])).stdout).toMatch(/keystore.*locked.*armorclaw keystore unlock/);
    expect((await daemon.cli(["matrix", "rooms"])).stderr).toMatch(/KEYSTORE_LOCKED/);
    const alert = await until("the alert of the kill", async () => {
      const { messages } = await daemon.client.queue.list({ state: "queued" });
      return messages.find(({ destination }) => destination === "matrix");
    });
    expect(alert).toMatchObject({ lane: world.room });
    await unlock();
    expect(await live()).toEqual(device);
    const isAlert = (body: string) => body.includes("ended without an orderly stop");
    await until("the alert", () => bodies(world.ann.inbound).some(isAlert), 30_000);
    await until("the messages sent meanwhile", async () => (await heard()).includes("while it is away"));
    expect((await heard()).filter((body) => body === "while it is away")).toHaveLength(1);
    expect(bodies(world.ann.inbound).filter(isAlert)).toHaveLength(1);
  }, 120_000);

  test("an ended login is reported, also by another route, is not tried again, and a new login continues the account", async () => {
    await (await elsewhere()).request("POST", "logout/all", {});
    await until("the alert of the ended login", () => wasTold("The homeserver has ended the login of"));
    expect(await status()).toMatchObject({ status: "logged_out", logged_in: false, connected: false });
    const shown = (await daemon.cli(["matrix", "status"])).stdout;
    expect(shown).toMatch(/no longer accepts the login of @bridge:localhost: .*Invalid access token/);
    expect(shown).toContain("armorclaw matrix login --username");
    const { restarts } = await status();
    const asked = proxy.requests;
    expect(await send("queued while logged out")).toMatchObject({ state: "queued" });
    expect((await daemon.cli(["matrix", "rooms"])).stderr).toMatch(/MATRIX_LOGGED_OUT/);
    expect([(await status()).restarts, proxy.requests]).toEqual([restarts, asked]);
    const { token } = await elsewhere();
    const login = await logIn(["--token", "@-"], token);
    expect(login).toMatchObject({ is_cross_signed: true });
    await arrives("queued while logged out");
    expect(times("queued while logged out")).toBe(1);
    await until("the alert of the recovery", () => wasTold("Resolved: The homeserver has ended"));
    for (const suffix of ["", "-wal"])
      expect(readFileSync(join(daemon.directories.state, `store.db${suffix}`)).includes(token)).toBe(false);
    expect(daemon.process.output.stderr).not.toContain(token);
    device = await live();
  }, 120_000);

  test("after a soft logout the same device goes on, with its keys", async () => {
    await world.synapse.kill();
    const database = new DatabaseSync(join(world.synapse.data, "homeserver.db"));
    const { changes } = database
      .prepare("UPDATE access_tokens SET valid_until_ms = 1 WHERE device_id = ?")
      .run(device.device_id);
    database.close();
    expect(changes).toBe(1);
    await world.synapse.restart();
    await until("the logout", async () => (await status()).status === "logged_out", 40_000);
    await world.say(world.room, "while it is logged out");
    const login = await logIn(["--username", "bridge", "--password", "@-"], "secret");
    expect(login).toMatchObject({ device_id: device.device_id, is_cross_signed: true });
    expect(await live()).toEqual(device);
    await until("the messages sent meanwhile", async () => (await heard()).includes("while it is logged out"));
    const { events } = await daemon.client.event.history({
      channels: ["matrix.>"],
      filter: { types: ["matrix.logged_out"] },
    });
    expect(events.map(({ data }) => data["is_soft"])).toEqual([false, true]);
  }, 120_000);

  test("the recovery key is shown, is kept at a logout unless it is to be deleted, and restores the account", async () => {
    const shown = await daemon.cli(["matrix", "recovery-key", "--json"]);
    expect(shown.stderr).toBe("");
    const { user_id, recovery_key } = JSON.parse(shown.stdout) as Record<"user_id" | "recovery_key", string>;
    expect(user_id).toBe(world.bridgeId);
    expect((await daemon.cli(["matrix", "logout"])).stdout).toMatch(/keystore has the account.s recovery key/);
    expect((await daemon.cli(["matrix", "recovery-key"])).stdout.split("\n")[0]).toBe(recovery_key);
    const { matrix } = daemon.client;
    const account = { username: "bridge", password: "secret" };
    const { is_cross_signed, backup_version } = await matrix.login(account);
    expect(is_cross_signed).toBe(true);
    expect(await matrix.logout({ forget_recovery_key: true })).toMatchObject({ recovery_key_kept: false });
    expect((await daemon.cli(["matrix", "recovery-key"])).stderr).toMatch(/MATRIX_NO_RECOVERY_KEY/);
    // This is as on a new install, with only the account's name and password.
    expect(await matrix.login(account)).toMatchObject({ is_cross_signed: false });
    await expect(matrix.recovery_key()).rejects.toMatchObject({ code: "MATRIX_NO_RECOVERY_KEY" });
    await matrix.logout();
    expect(await matrix.login({ ...account, recovery_key })).toMatchObject({ is_cross_signed: true, backup_version });
    expect((await matrix.recovery_key()).recovery_key).toBe(recovery_key);
    const { records } = await daemon.client.audit.tail({ limit: 1000 });
    expect(JSON.stringify(records)).toContain("matrix.recovery_key");
    expect(JSON.stringify(records)).not.toContain(recovery_key);
    expect(daemon.process.output.stderr).not.toContain(recovery_key);
    await live();
  }, 120_000);

  test("messages of a gap beyond the bound are reported as missed, and the rest is read", async () => {
    await daemon.client.close();
    await daemon.end("SIGKILL");
    // These are more messages than a first sync contains.
    for (let n = 0; n < 175; n += 1)
      await world.person.request("PUT", `rooms/${world.openRoom}/send/m.room.message/gap${n}`, {
        msgtype: "m.text",
        body: `gap ${n}`,
      });
    daemon = await start(["--set", "matrix.backfill_max=0", "--set", "keystore.reveal=false"]);
    await unlock();
    await until("the newest", async () => (await heard()).includes("gap 174"), 60_000);
    expect(await heard()).not.toContain("gap 0");
    const missed = { channels: ["matrix.>"], filter: { types: ["matrix.messages_missed"] } };
    const { events } = await daemon.client.event.history(missed);
    expect(events.map(({ data }) => data)).toEqual([
      expect.objectContaining({ room_id: world.openRoom, reason: "only the oldest 0 events of the gap were read" }),
    ]);
    expect((await daemon.cli(["matrix", "recovery-key"])).stderr).toMatch(/REVEAL_DISABLED/);
    await until("the alert", () => wasTold(`Messages of the room ${world.openRoom} may have been missed`));
  }, 120_000);
});
