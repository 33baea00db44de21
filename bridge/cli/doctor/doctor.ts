import type { Result } from "@armorclaw/protocol";
import { type LoadedConfig, loadConfig } from "../../config/index.ts";
import { configOverrides } from "../core/config-flags.ts";
import { exitCodes } from "../core/exit-codes.ts";
import { describeFailure } from "../core/failure.ts";
import type { Invocation, Runner } from "../core/invocation.ts";
import { programVersion } from "../core/program-version.ts";
import { renderFindings } from "../render/findings.ts";
import { assessStatus } from "./assessments.ts";
import { callDeadlineMs, checkBridgeParts } from "./bridge-checks.ts";
import { type Finding, ok, trouble } from "./finding.ts";
import { checkClockKeeper, checkHost } from "./host-checks.ts";
import { checkDisk, checkPlaces } from "./place-checks.ts";

/** `armorclaw doctor`: checks the configuration, the files, the engines and, if it runs, the bridge. */
export const run: Runner = async (invocation) => {
  const { out, signal } = invocation;
  const configuration = readConfig(invocation);
  const checks = [configuration.finding, ...(await checkBridge(invocation, configuration.loaded))];
  const clock = await checkClockKeeper();
  if (clock !== undefined) checks.push(clock);
  signal.throwIfAborted();
  const hasTrouble = checks.some(({ status }) => status === "trouble");
  if (out.isJson) out.json({ status: hasTrouble ? "trouble" : "ok", checks });
  else out.text(renderFindings(checks, out.view()));
  return hasTrouble ? exitCodes.failed : exitCodes.ok;
};

function readConfig({ values, io }: Invocation): { finding: Finding; loaded: LoadedConfig | undefined } {
  const flags = configOverrides(values);
  try {
    const loaded = loadConfig({ flags, env: io.env, uid: process.getuid?.(), platform: process.platform });
    const { file } = loaded;
    return {
      finding: ok(
        "configuration",
        file === undefined ? "There is no configuration file; defaults apply" : `${file} is valid`,
      ),
      loaded,
    };
  } catch (error) {
    const { message, remedy } = describeFailure(error);
    return { finding: trouble("configuration", message, remedy), loaded: undefined };
  }
}

async function checkBridge({ connect, io }: Invocation, loaded: LoadedConfig | undefined): Promise<Finding[]> {
  try {
    const connection = await connect(socketOf(loaded, io.env["ARMORCLAW_SOCKET"]));
    const status = (await connection.call("bridge.status", {}, callDeadlineMs)) as Result<"bridge.status">;
    const places = {
      runtimeDirectory: status.runtime_dir,
      stateDirectory: status.state_dir,
      socket: status.socket,
    };
    return [...assessStatus(status, programVersion()), ...checkPlaces(places), ...(await checkBridgeParts(connection))];
  } catch (error) {
    const { code, message, remedy } = describeFailure(error);
    const next =
      code === "NOT_CONNECTED"
        ? "Start the bridge with `systemctl start armorclaw` or `armorclaw run`; `journalctl -u armorclaw -n 50` shows why it ended"
        : remedy;
    return [
      trouble("bridge", message, next),
      ...whereItWouldRun(loaded),
      ...(await checkHost(loaded?.config.docker.host)),
    ];
  }
}

/** The socket in the runtime directory that a flag names, or that the configuration names where no variable names a socket. */
function socketOf(
  loaded: LoadedConfig | undefined,
  named: string | undefined,
): { readonly socket: string } | undefined {
  const origin = loaded?.origins.get("runtime_dir") ?? "default";
  const isMeant = origin.startsWith("flag") || (origin !== "default" && named === undefined);
  return loaded !== undefined && isMeant ? { socket: loaded.socketPath } : undefined;
}

function whereItWouldRun(loaded: LoadedConfig | undefined): Finding[] {
  if (loaded === undefined) return [];
  const { runtimeDir: runtimeDirectory, stateDir: stateDirectory, alerts } = loaded.config;
  return [
    ...checkPlaces({ runtimeDirectory, stateDirectory, socket: loaded.socketPath }),
    checkDisk(stateDirectory, alerts.diskFreeBytesMin),
  ];
}
