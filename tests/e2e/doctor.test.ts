import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DoctorCheck } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import type { Finished } from "../support/collect.ts";
import { run, startTestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";
import { hasCoturn, startCoturn, turnSecret } from "../support/voice/coturn.ts";

/** Returns the checks that `armorclaw doctor --json` printed, by name. */
function readChecks({ stdout }: Finished) {
  const { status, checks } = JSON.parse(stdout) as { status: string; checks: DoctorCheck[] };
  return { status, of: (name: string) => checks.filter((check) => check.name === name) };
}

const unsafely = ["--set", "allow_unsandboxed=true"];
/** Nothing listens at TCP port 1 of any machine that this runs on. */
const deadRelay = "turn:127.0.0.1:1?transport=tcp";

test("the doctor of a bridge that is down reports that, the machine's programs, and the command that starts the bridge", async () => {
  using temp = tempDirectory();
  const places = ["--runtime-dir", join(temp.path, "r"), "--state-dir", join(temp.path, "s")];
  const env = { ARMORCLAW_SOCKET: join(temp.path, "r/bridge.sock") };
  const finished = await run(["doctor", "--json", ...places], env).finished;
  const { status, of } = readChecks(finished);
  expect({ code: finished.code, status }).toEqual({ code: 1, status: "trouble" });
  expect(of("bridge")).toMatchObject([
    { status: "trouble", found: expect.stringContaining("No bridge listens"), remedy: expect.stringContaining("run") },
  ]);
  expect(of("seccomp")).toMatchObject([{ status: "ok" }]);
  for (const engine of ["docker", "bubblewrap"]) {
    const [{ status: found, remedy } = { status: "missing", remedy: null }] = of(engine);
    expect(found === "ok" ? remedy === null : remedy?.match(/install|systemctl|docker/) !== null).toBe(true);
  }
  expect(of("disk")).toMatchObject([{ status: "ok" }]);
  const wrong = await run(["doctor", "--config", "/nowhere/config.toml"], env).finished;
  expect(wrong.code).toBe(1);
  expect(wrong.stdout).toMatch(/trouble +configuration +.*cannot be read \(ENOENT\)/);
});

test("the doctor reports what is open to others, locked, unbounded or not isolated, and ends with 1", async () => {
  await using bridge = await startTestDaemon({ engine: "process", flags: unsafely });
  chmodSync(bridge.directories.state, 0o755);
  await bridge.client.keystore.lock({});
  const { runtime, state } = bridge.directories;
  const byDirectory = await run(["doctor", "--json", "--runtime-dir", runtime, "--state-dir", state], {}).finished;
  expect(readChecks(byDirectory).of("keystore")).toMatchObject([{ status: "trouble" }]);
  const finished = await bridge.cli(["doctor"]);
  expect(finished.code).toBe(1);
  expect(finished.stdout).toMatch(/^trouble +engine .*does not isolate agents/m);
  expect(finished.stdout).toMatch(/^trouble +state directory .*mode is 0755\n +next: chmod 0700 \//m);
  expect(finished.stdout).toMatch(/^trouble +keystore .*locked.*\n +next: armorclaw keystore unlock$/m);
  expect(finished.stdout).toMatch(/^ok +store .*sound/m);
  expect(finished.stdout).toMatch(/\n3 troubles, \d warnings?\n$/);
});

describeIf(hasCoturn && existsSync("/usr/bin/bwrap"), "coturn or bubblewrap is not installed", "the doctor", () => {
  test("allocates at the relay, and finds no fault in a healthy bridge", async () => {
    using temp = tempDirectory();
    await using relay = await startCoturn();
    await using bridge = await startTestDaemon({
      engine: "sandbox",
      flags: ["--set", "listen.http.address=127.0.0.1:0", ...relaySettings(temp.path, turnSecret, [relay.url])],
    });
    const finished = await bridge.cli(["doctor", "--json"]);
    const { status, of } = readChecks(finished);
    expect(of("relay")).toMatchObject([{ status: "ok", found: expect.stringContaining("it gave a relay") }]);
    expect(of("http listener")).toMatchObject([{ status: "ok", found: expect.stringContaining("answers") }]);
    for (const name of ["bridge", "socket", "database", "store", "disk", "clock", "keystore", "matrix", "agents"])
      expect(of(name)).toMatchObject([{ name, status: "ok" }]);
    expect({ code: finished.code, status }).toEqual({ code: 0, status: "ok" });
  });

  test("distinguishes a wrong secret from an unreachable relay, each with its remedy", async () => {
    using temp = tempDirectory();
    await using relay = await startCoturn();
    await using bridge = await startTestDaemon({
      engine: "process",
      flags: [...unsafely, ...relaySettings(temp.path, "another secret", [relay.url, deadRelay])],
    });
    const { of } = readChecks(await bridge.cli(["doctor", "--json"]));
    expect(of("relay")).toEqual([
      {
        name: "relay",
        status: "trouble",
        found: expect.stringMatching(/refuses the bridge's credentials \(401/),
        remedy: expect.stringContaining("static-auth-secret"),
      },
      {
        name: "relay",
        status: "trouble",
        found: `${deadRelay} cannot be reached: nothing listens there`,
        remedy: expect.stringContaining("systemctl start coturn"),
      },
    ]);
    const direct = await bridge.client.bridge.doctor({});
    expect(direct.checks.filter(({ name }) => name === "relay")).toEqual(of("relay"));
    expect((await bridge.cli(["bridge", "doctor", "--quiet"])).code).toBe(1);
  });
});

function relaySettings(directory: string, secret: string, urls: readonly string[]): string[] {
  const file = join(directory, "secret");
  writeFileSync(file, secret);
  const set = { enabled: "true", addresses: "127.0.0.1", turn_urls: urls.join(), turn_secret_file: file };
  return Object.entries(set).flatMap(([key, value]) => ["--set", `webrtc.${key}=${value}`]);
}
