import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { readSealKey } from "../platform/os/seal-key.ts";
import { defaultPaths, type Environment } from "./paths.ts";

const variable = "ARMORCLAW_RPC_SEAL_KEY_FILE";

/**
 * The key that a client of the bridge's own socket seals under: its file is named by the environment, where an empty name says none, or
 * by the configuration file. A configuration file that this user may not read, or that is broken, names none: it keeps no one from
 * asking a bridge that runs, and a bridge that wants a key says so itself.
 * @throws BridgeError CONFIG_INVALID when a key is named that cannot be used
 */
export function clientSealKey(
  env: Environment,
  uid: number | undefined,
  platform: NodeJS.Platform,
): Uint8Array | undefined {
  const file = env[variable] ?? configuredFile(env, uid, platform);
  return file === undefined || file === "" ? undefined : readSealKey(file, "rpc.seal_key_file");
}

function configuredFile(env: Environment, uid: number | undefined, platform: NodeJS.Platform): string | undefined {
  const rpc = tableOf(env["ARMORCLAW_CONFIG"] ?? defaultPaths(env, uid, platform).configFile)["rpc"];
  const file = (rpc as Readonly<Record<string, unknown>> | undefined)?.["seal_key_file"];
  return typeof file === "string" ? file : undefined;
}

function tableOf(path: string): Readonly<Record<string, unknown>> {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch {
    return {};
  }
}
