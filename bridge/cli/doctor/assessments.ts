import type { Result } from "@armorclaw/protocol";
import { type Finding, ok, trouble, warning } from "./finding.ts";
import { install } from "./host-checks.ts";

// What the bridge's answers mean for someone whom they woke up.

export function judgeStatus(status: Result<"bridge.status">, ownVersion: string): Finding[] {
  const { version, pid, socket, state, panic } = status;
  const found = `${version} answers at ${socket} (pid ${pid})`;
  return [
    version === ownVersion
      ? ok("bridge", found)
      : trouble(
          "bridge",
          `${found}, but this program is ${ownVersion}`,
          "Start the bridge again with the new program: `systemctl restart armorclaw`",
        ),
    ...(state === "running" ? [] : [warning("bridge", `It is ${state}`, "Ask again in a moment")]),
    ...(panic === null
      ? []
      : [trouble("panic", `Since ${panic.since} nothing starts: ${panic.reason}`, "armorclaw bridge resume")]),
    ...(status.peer_credentials === "available"
      ? []
      : [warning("callers", "The system does not tell who connects", "The socket's permissions alone decide")]),
    ...judgeEngine(status),
  ];
}

function judgeEngine({ engine, engine_reachable: isReachable }: Result<"bridge.status">): Finding[] {
  const name = `${engine.kind} (${engine.version})`;
  if (!isReachable) {
    const remedy = engine.kind === "docker" ? "systemctl restart docker" : "See the bridge's log for why";
    return [trouble("engine", `${name} does not answer, so no agent can start`, remedy)];
  }
  if (engine.isolation === "none") {
    const remedy = `${install("bubblewrap", "bubblewrap")}, and start the bridge again`;
    return [trouble("engine", `${name} isolates nothing: agents have this user's rights`, remedy)];
  }
  return [
    ok("engine", `${name}: ${engine.protections.length} protections are in force`),
    ...engine.missing.map((missing) => {
      const [what = missing, how] = missing.split(/: (.*)/s);
      return warning("engine", `It lacks ${what}`, how ?? "armorclaw status");
    }),
  ];
}

export function judgeAgents({ agents }: Result<"agent.list">): Finding[] {
  const wrong = agents.flatMap(({ agent_id: id, state, message, live }) => {
    const words = message === null ? `${id} is ${state}` : `${id} is ${state}: ${message}`;
    if (state === "failed" || state === "backoff" || state === "engine-unreachable")
      return [trouble("agents", words, `armorclaw logs ${id}; then armorclaw restart ${id}`)];
    if (state === "running" && live === false)
      return [warning("agents", `${id} misses its heartbeats`, `armorclaw inspect ${id}`)];
    return state === "paused" ? [warning("agents", words, `armorclaw resume ${id}`)] : [];
  });
  const running = agents.filter(({ state }) => state === "running").length;
  return wrong.length > 0 ? wrong : [ok("agents", `${running} running of ${agents.length}`)];
}

export function judgeKeystore({ state, source, keys, expiring }: Result<"keystore.status">): Finding[] {
  if (state === "locked")
    return [
      trouble("keystore", `It is locked (unlocked by ${source}): no secret can be read`, "armorclaw keystore unlock"),
    ];
  if (expiring.length > 0) {
    const remedy = "armorclaw keystore rotate --id KEY";
    return [warning("keystore", `Expired or soon to expire: ${expiring.join(", ")}`, remedy)];
  }
  return [ok("keystore", `It is unlocked by ${source} and holds ${keys} keys`)];
}

export function judgeMatrix(status: Result<"matrix.status">): Finding[] {
  if (!status.enabled) return [ok("matrix", "It is not configured")];
  const where = status.homeserver ?? "a homeserver";
  if (!status.logged_in)
    return [trouble("matrix", `The bridge is not logged in to ${where}`, "armorclaw matrix login")];
  if (!status.connected) {
    const found = `The link to ${where} is down${status.error === null ? "" : `: ${status.error}`}`;
    return [trouble("matrix", found, `See that it answers: curl ${where}/_matrix/client/versions`)];
  }
  return [ok("matrix", `${status.user_id ?? "The bridge"} is connected to ${where}`)];
}

export function judgeBudget({ limits, frozen }: Result<"budget.status">): Finding[] {
  const stuck = frozen.map(({ agent_id: id, scope, reason }) =>
    trouble("budget", `${id} is frozen by ${scope}: ${reason}`, `armorclaw budget topup --help`),
  );
  if (limits.every(({ hard }) => hard === null)) {
    const remedy = "armorclaw budget set global --per day --hard 5";
    return [...stuck, warning("budget", "No hard limit is set: nothing bounds what agents spend", remedy)];
  }
  const reached = limits.filter(({ hard, remaining }) => hard !== null && remaining <= 0);
  const spent = reached.map(({ scope, window, percent }) =>
    trouble("budget", `${scope} per ${window} is used up (${Math.round(percent)} %)`, "armorclaw budget topup --help"),
  );
  return stuck.length + spent.length > 0
    ? [...stuck, ...spent]
    : [ok("budget", `${limits.length} limits are set, and none is reached`)];
}
