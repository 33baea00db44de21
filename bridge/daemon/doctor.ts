import { statSync } from "node:fs";
import { join } from "node:path";
import type { DoctorCheck } from "@armorclaw/protocol";
import { checkTurn, type TurnFinding, type TurnSettings } from "../adapters/webrtc/index.ts";
import type { Config } from "../config/index.ts";
import type { DurableEventLog } from "../events/index.ts";
import type { Clock } from "../platform/clock.ts";
import { HostMeter } from "../platform/host-info.ts";
import type { Handlers } from "../rpc/index.ts";
import { checkListener } from "../rpc/index.ts";
import type { Store } from "../store/index.ts";

export interface CheckupDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: DurableEventLog;
  readonly config: Config;
  /** Those that are configured, by name. */
  readonly listeners: () => readonly { readonly name: string; readonly url: string | undefined }[];
  /** Undefined when calls are switched off. */
  readonly turn: TurnSettings | undefined;
}

/** A larger database is not read through while the bridge waits for it. */
const readThroughBytesMax = 64 * 1024 * 1024;
const clockJumpMs = 5_000;
const certificateWarningMs = 14 * 86_400_000;

/** What the bridge finds when it is asked how it is, beyond what other methods tell. */
export function checkupHandlers(deps: CheckupDeps): Handlers<"bridge.doctor"> {
  const { clock } = deps;
  const start = { nowMs: clock.now(), monotonicMs: clock.monotonic() };
  return {
    "bridge.doctor": async () => {
      const groups = [
        checkStore(deps),
        checkDisk(deps),
        checkClock(deps, start),
        checkListeners(deps),
        checkCalls(deps),
      ];
      const checks = (await Promise.all(groups)).flat();
      return { status: checks.some(({ status }) => status === "trouble") ? "trouble" : "ok", checks };
    },
  };
}

const ok = (name: string, found: string): DoctorCheck => ({ name, status: "ok", found, remedy: null });
const warning = (name: string, found: string, remedy: string): DoctorCheck => ({
  name,
  status: "warning",
  found,
  remedy,
});
const trouble = (name: string, found: string, remedy: string): DoctorCheck => ({
  name,
  status: "trouble",
  found,
  remedy,
});

async function checkStore({ store, clock, config }: CheckupDeps): Promise<DoctorCheck[]> {
  const path = join(config.stateDir, "store.db");
  const restore = "Stop the bridge and bring back the last backup: `armorclaw backup restore FILE`";
  try {
    const startedAtMs = clock.monotonic();
    await store.write(() => undefined);
    const ms = Math.round(clock.monotonic() - startedAtMs);
    const bytes = statSync(path).size;
    const size = `${Math.ceil(bytes / 1024)} KiB`;
    if (store.shortage === "spent")
      return [trouble("store", "The disk was full, and the room kept for that is in use", "Free room on its disk")];
    if (bytes > readThroughBytesMax)
      return [ok("store", `${path} (${size}) takes a write within ${ms} ms; too large to be read through now`)];
    const [said] = Object.values(store.read((sql) => sql.get("PRAGMA quick_check(1)")) ?? {});
    if (said !== "ok") return [trouble("store", `${path} is damaged: ${said}`, restore)];
    return [ok("store", `${path} (${size}) is sound and takes a write within ${ms} ms`)];
  } catch (error) {
    return [trouble("store", `${path} takes no write: ${messageOf(error)}`, restore)];
  }
}

async function checkDisk({ config }: CheckupDeps): Promise<DoctorCheck[]> {
  const { diskFreeBytes, diskTotalBytes } = await new HostMeter(config.stateDir).read();
  const inMib = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  const found = `${inMib(diskFreeBytes)} of ${inMib(diskTotalBytes)} are free where ${config.stateDir} is`;
  const least = config.alerts.diskFreeBytesMin;
  if (diskFreeBytes >= least) return [ok("disk", found)];
  return [trouble("disk", `${found}, less than ${inMib(least)}`, "Free room there: `du -xh -d1` shows what takes it")];
}

async function checkClock(
  { clock, log }: CheckupDeps,
  start: { readonly nowMs: number; readonly monotonicMs: number },
): Promise<DoctorCheck[]> {
  const now = clock.now();
  const synchronise = "Have the clock kept right: `timedatectl set-ntp true`";
  const last = log.readBack(1)[0]?.event.time;
  if (last !== undefined && Date.parse(last) > now + clockJumpMs)
    return [
      trouble("clock", `It is ${new Date(now).toISOString()} here, but the last event is of ${last}`, synchronise),
    ];
  const jumpMs = Math.round(now - start.nowMs - (clock.monotonic() - start.monotonicMs));
  if (Math.abs(jumpMs) > clockJumpMs)
    return [warning("clock", `It was set by ${jumpMs} ms since the bridge started, or the machine slept`, synchronise)];
  return [ok("clock", `It is ${new Date(now).toISOString()}, and went evenly since the bridge started`)];
}

async function checkListeners({ listeners, clock }: CheckupDeps): Promise<DoctorCheck[]> {
  const all = listeners();
  if (all.length === 0) return [ok("listeners", "None is configured: the bridge is reached by its own socket alone")];
  return await Promise.all(
    all.map(async ({ name, url }) => {
      if (url === undefined) return trouble(name, "It is not open", "See the log for why, and start the bridge again");
      try {
        const { certificateUntilMs } = await checkListener(url);
        if (certificateUntilMs === undefined) return ok(name, `${url} opens`);
        const until = new Date(certificateUntilMs).toISOString();
        const renew = "Renew the certificate, and start the bridge again";
        if (certificateUntilMs < clock.now())
          return trouble(name, `The certificate of ${url} ended at ${until}`, renew);
        if (certificateUntilMs < clock.now() + certificateWarningMs)
          return warning(name, `The certificate of ${url} ends at ${until}`, renew);
        return ok(name, `${url} opens; its certificate is good until ${until}`);
      } catch (error) {
        const remedy = "See what listens there (`ss -ltnp`), and start the bridge again";
        return trouble(name, `${url} does not open: ${messageOf(error)}`, remedy);
      }
    }),
  );
}

async function checkCalls({ turn, clock, config, listeners }: CheckupDeps): Promise<DoctorCheck[]> {
  if (turn === undefined) return [ok("calls", "They are switched off (webrtc.enabled)")];
  const { publicUrl } = config.webrtc;
  const page = publicUrl ?? listeners().find(({ name }) => name === "http listener")?.url;
  return [pageCheck(page), ...(await relayChecks(turn, clock))];
}

function pageCheck(url: string | undefined): DoctorCheck {
  if (url === undefined)
    return warning("calls", "No listener serves the call page", "Set listen.http.address, e.g. to 127.0.0.1:7878");
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || /^(?:localhost|127\.|\[::1\])/.test(hostname)) return ok("calls", `The page is ${url}`);
  const remedy = "Put TLS before it and set webrtc.public_url to its https address";
  return trouble("calls", `The page is ${url}, and browsers give the microphone to https pages alone`, remedy);
}

async function relayChecks(turn: TurnSettings, clock: Clock): Promise<DoctorCheck[]> {
  if (turn.urls.length === 0)
    return [ok("relay", "None is configured: callers need a way to the bridge's own UDP ports")];
  return (await checkTurn(turn, clock)).map(relayCheck);
}

function relayCheck({ url, outcome, message }: TurnFinding): DoctorCheck {
  if (outcome === "allocated") return ok("relay", `${url} works: ${message}`);
  if (outcome === "refused")
    return trouble(
      "relay",
      `${url}: ${message}`,
      "Make webrtc.turn_secret_file hold what coturn has as static-auth-secret (with use-auth-secret), and both clocks agree",
    );
  if (outcome === "open")
    return warning("relay", `${url}: ${message}`, "Set use-auth-secret and static-auth-secret in turnserver.conf");
  if (outcome === "failed")
    return trouble("relay", `${url}: ${message}`, "See coturn's log, and its limits on users and ports");
  return trouble(
    "relay",
    `${url} cannot be reached: ${message}`,
    "Start coturn there (`systemctl start coturn`), let its port through the firewall, or correct webrtc.turn_urls",
  );
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
