import { join, win32 } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";
import { pipeNameFor } from "../platform/os/socket-path.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a bridge keeps its things when nothing else is said. */
export interface DefaultPaths {
  /** Holds the sockets. */
  readonly runtimeDirectory: string;
  /** Holds what outlives a restart. */
  readonly stateDirectory: string;
  readonly configFile: string;
}

/** System directories for root, XDG directories for everyone else. */
export function defaultPaths(env: Environment, uid: number | undefined, platform: NodeJS.Platform): DefaultPaths {
  if (platform === "win32") {
    const profile = env["USERPROFILE"] ?? "C:\\";
    const base = win32.join(env["LOCALAPPDATA"] ?? win32.join(profile, "AppData", "Local"), "ArmorClaw");
    return {
      runtimeDirectory: win32.join(base, "run"),
      stateDirectory: base,
      configFile: win32.join(base, "config.toml"),
    };
  }
  if (uid === 0) {
    return {
      runtimeDirectory: "/run/armorclaw",
      stateDirectory: "/var/lib/armorclaw",
      configFile: "/etc/armorclaw/config.toml",
    };
  }
  const home = env["HOME"] ?? "/";
  const state = join(env["XDG_STATE_HOME"] ?? join(home, ".local", "state"), "armorclaw");
  const runtime = env["XDG_RUNTIME_DIR"];
  return {
    runtimeDirectory: runtime === undefined ? join(state, "run") : join(runtime, "armorclaw"),
    stateDirectory: state,
    configFile: join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "armorclaw", "config.toml"),
  };
}

/** The bridge's own socket in a runtime directory; a named pipe on Windows, where the directory only names it. */
export function controlSocketPath(runtimeDirectory: string, platform: NodeJS.Platform): string {
  return platform === "win32" ? pipeNameFor(win32.resolve(runtimeDirectory)) : join(runtimeDirectory, "bridge.sock");
}

/** The sockets that a client tries in turn: the one that was named, or the user's own and then the system's. */
export function clientSocketPaths(env: Environment, uid: number | undefined, platform: NodeJS.Platform): string[] {
  const named = env["ARMORCLAW_SOCKET"];
  if (named !== undefined) return [named];
  const runtime = env["ARMORCLAW_RUNTIME_DIR"] ?? defaultPaths(env, uid, platform).runtimeDirectory;
  const own = controlSocketPath(runtime, platform);
  const system = controlSocketPath(defaultPaths(env, 0, platform).runtimeDirectory, platform);
  return own === system || env["ARMORCLAW_RUNTIME_DIR"] !== undefined ? [own] : [own, system];
}

/** The user whose bridge a client means, besides root; the client's own user when it is not named. @throws BridgeError CONFIG_INVALID */
export function clientServerUid(env: Environment): number | undefined {
  const named = env["ARMORCLAW_SERVER_UID"];
  if (named === undefined || named === "") return undefined;
  if (!/^\d{1,10}$/.test(named))
    throw new BridgeError("CONFIG_INVALID", `ARMORCLAW_SERVER_UID is the number of a user, and not ${named}`);
  return Number(named);
}
