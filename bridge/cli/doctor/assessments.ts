import type { Result } from "@armorclaw/protocol";
import { type Finding, ok, trouble, warning } from "./finding.ts";
import { install } from "./host-checks.ts";

// Turns results of the bridge's methods into findings.

export function assessStatus(status: Result<"bridge.status">, ownVersion: string): Finding[] {
  const { version, pid, socket, state, panic } = status;
  const found = `${version} answers at ${socket} (pid ${pid})`;
  return [
    version === ownVersion
      ? ok("bridge", found)
      : trouble(
          "bridge",
          `${found}, but this program is ${ownVersion}`,
          "Restart the bridge so that both have the same version: `systemctl restart armorclaw`",
        ),
    ...(state === "running"
      ? []
      : [warning("bridge", `The bridge is ${state}`, "Run the doctor again in a few seconds")]),
    ...(panic === null
      ? []
      : [
          trouble(
            "panic",
            `The bridge is in panic mode since ${panic.since}: ${panic.reason}`,
            "armorclaw bridge resume",
          ),
        ]),
    ...(status.peer_credentials === "available"
      ? []
      : [
          warning(
            "callers",
            "The operating system does not report who connects",
            "Keep the runtime directory at mode 0700: the permissions of the socket alone decide who can connect",
          ),
        ]),
    ...assessEngine(status),
  ];
}

function assessEngine({ engine, engine_reachable: isReachable }: Result<"bridge.status">): Finding[] {
  const name = `${engine.kind} (${engine.version})`;
  if (!isReachable) {
    const remedy = engine.kind === "docker" ? "systemctl restart docker" : "Read the bridge's log for the reason";
    return [trouble("engine", `${name} does not answer, so no agent can start`, remedy)];
  }
  if (engine.isolation === "none") {
    const remedy = `${install("bubblewrap", "bubblewrap")}, then restart the bridge`;
    return [trouble("engine", `${name} does not isolate agents: they have the rights of the bridge's user`, remedy)];
  }
  return [
    ok("engine", `${name} enforces ${engine.protections.length} protections`),
    ...engine.missing.map((missing) => {
      const [what = missing, how] = missing.split(/: (.*)/s);
      return warning("engine", `${engine.kind} lacks ${what}`, how ?? "Run `armorclaw status` for the details");
    }),
  ];
}

export function assessAgents({ agents }: Result<"agent.list">): Finding[] {
  const wrong = agents.flatMap(({ agent_id: id, state, message, live }) => {
    const words = message === null ? `${id} is ${state}` : `${id} is ${state}: ${message}`;
    if (state === "failed" || state === "backoff" || state === "engine-unreachable")
      return [trouble("agents", words, `armorclaw logs ${id}; then armorclaw restart ${id}`)];
    if (state === "running" && live === false)
      return [warning("agents", `${id} sends no heartbeats`, `armorclaw inspect ${id}`)];
    return state === "paused" ? [warning("agents", words, `armorclaw resume ${id}`)] : [];
  });
  const running = agents.filter(({ state }) => state === "running").length;
  return wrong.length > 0 ? wrong : [ok("agents", `${running} running of ${agents.length}`)];
}

export function assessKeystore({ state, source, keys, expiring }: Result<"keystore.status">): Finding[] {
  if (state === "locked")
    return [
      trouble(
        "keystore",
        `The keystore is locked, so no secret can be read; its key comes from: ${source}`,
        "armorclaw keystore unlock",
      ),
    ];
  if (expiring.length > 0) {
    const remedy = "armorclaw keystore rotate --id KEY";
    return [warning("keystore", `Keys that have expired or will soon: ${expiring.join(", ")}`, remedy)];
  }
  return [ok("keystore", `The keystore is unlocked (key from: ${source}) and holds ${keys} keys`)];
}

export function assessMatrix(status: Result<"matrix.status">): Finding[] {
  if (!status.enabled) return [ok("matrix", "Matrix is not configured")];
  const where = status.homeserver ?? "a homeserver";
  if (!status.logged_in)
    return [trouble("matrix", `The bridge is not logged in to ${where}`, "armorclaw matrix login")];
  if (!status.connected) {
    const found = `The connection to ${where} is down${status.error === null ? "" : `: ${status.error}`}`;
    return [trouble("matrix", found, `Check that it answers: curl ${where}/_matrix/client/versions`)];
  }
  return [ok("matrix", `${status.user_id ?? "The bridge"} is connected to ${where}`)];
}

export function assessBudget({ limits, frozen }: Result<"budget.status">): Finding[] {
  const stuck = frozen.map(({ agent_id: id, scope, reason }) =>
    trouble(
      "budget",
      `${id} is frozen by ${scope}: ${reason}`,
      `armorclaw budget topup ${scope} --amount 1 --reason R`,
    ),
  );
  if (limits.every(({ hard }) => hard === null)) {
    const remedy = "armorclaw budget set global --per day --hard 5";
    return [...stuck, warning("budget", "No hard limit is set, so agents can spend without limit", remedy)];
  }
  const reached = limits.filter(({ hard, remaining }) => hard !== null && remaining <= 0);
  const spent = reached.map(({ scope, window, percent }) =>
    trouble(
      "budget",
      `${scope} per ${window} is used up (${Math.round(percent)} %)`,
      `armorclaw budget topup ${scope} --per ${window} --amount 1 --reason R`,
    ),
  );
  return stuck.length + spent.length > 0
    ? [...stuck, ...spent]
    : [ok("budget", `${limits.length} limits are set, none is reached`)];
}
