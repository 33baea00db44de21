import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { othersMayReach } from "../platform/os/file-mode.ts";
import { untrusted } from "../platform/os/trusted-file.ts";
import { keyBytes } from "./envelope.ts";
import type { UnlockKind, UnlockSource } from "./unlock-key.ts";

export interface UnlockSourceSettings {
  readonly kind: "auto" | UnlockSource["kind"];
  readonly keyFile: string;
  /** `$CREDENTIALS_DIRECTORY`, where systemd sets it. */
  readonly credentialsDirectory: string | undefined;
  readonly installId: string;
  readonly platform: NodeJS.Platform;
  /** The program that reads the keyring, when it is not the platform's usual one. */
  readonly keyringTool?: string;
}

/** The credential's name in a systemd unit: `LoadCredentialEncrypted=armorclaw-keystore:…`. */
const credentialName = "armorclaw-keystore";
const keyringDeadlineMs = 30_000;
const keyFileBytesMax = 4_096;

export function unlockSource(settings: UnlockSourceSettings): UnlockSource {
  const as = (kind: UnlockKind) => unlockSource({ ...settings, kind });
  return { ...materialSource(settings), isNamed: settings.kind !== "auto", as };
}

function materialSource(settings: UnlockSourceSettings): Pick<UnlockSource, "kind" | "material"> {
  const { credentialsDirectory, keyFile } = settings;
  const credential = credentialsDirectory === undefined ? undefined : join(credentialsDirectory, credentialName);
  switch (settings.kind) {
    case "passphrase":
      return { kind: "passphrase", material: async () => undefined };
    case "keyring":
      return { kind: "keyring", material: (isNew) => fromKeyring(settings, isNew) };
    case "credentials":
      return credentials(credential);
    case "key-file":
      return { kind: "key-file", material: async (isNew) => fromFile(keyFile, isNew) };
    case "auto":
      return credential !== undefined && isReadable(credential)
        ? credentials(credential)
        : { kind: "key-file", material: async (isNew) => fromFile(keyFile, isNew) };
  }
}

function credentials(path: string | undefined): Pick<UnlockSource, "kind" | "material"> {
  return {
    kind: "credentials",
    material: async () => {
      if (path === undefined) throw noKey("systemd gives no credentials directory", undefined);
      return fromFile(path, false);
    },
  };
}

/** Reads a key file that only its owner can read. Creates it when `mayMake` is set. */
function fromFile(path: string, mayMake: boolean): Secret {
  try {
    if (mayMake) makeKeyFile(path);
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile() || stat.size > keyFileBytesMax) throw noKey(`${path} is no key file`, undefined);
      const danger = untrusted(path);
      if (danger !== undefined) throw noKey(`${path} is not safe: ${danger}`, undefined);
      if (othersMayReach(stat)) throw noKey(`Others may read ${path}: chmod 600 it, and consider a new key`, undefined);
      const bytes = readFileSync(fd);
      if (bytes.length < keyBytes) throw noKey(`${path} is too short for a key`, undefined);
      return new Secret(bytes);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof BridgeError) throw error;
    throw noKey(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

function makeKeyFile(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, "wx", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw error;
  }
  try {
    writeSync(fd, `${randomBytes(keyBytes).toString("hex")}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Reads the key from the desktop's keyring with the system's tool. A new key is passed by stdin, never by argv. */
async function fromKeyring(
  { platform, installId, keyringTool }: UnlockSourceSettings,
  isNew: boolean,
): Promise<Secret> {
  const isMac = platform === "darwin";
  const tool = keyringTool ?? (isMac ? "security" : "secret-tool");
  const lookup = isMac
    ? ["find-generic-password", "-s", "armorclaw", "-a", installId, "-w"]
    : ["lookup", "service", "armorclaw", "install", installId];
  if (isNew) {
    const key = randomBytes(keyBytes).toString("hex");
    const [args, input] = isMac
      ? [["-i"], `add-generic-password -U -s armorclaw -a ${installId} -w ${key}\n`]
      : [["store", "--label=ArmorClaw bridge", "service", "armorclaw", "install", installId], key];
    await runTool(tool, args, input);
  }
  const found = (await runTool(tool, lookup, "")).trim();
  if (found === "") throw noKey("The keyring holds no key of this bridge", undefined);
  return Secret.fromText(found);
}

function runTool(tool: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(tool, [...args], { timeout: keyringDeadlineMs, maxBuffer: 65_536 }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(noKey(`The keyring does not answer (${tool}: ${error.code ?? error.message})`, error));
    });
    // The tool may end before it has read its input. Its exit code gives the reason.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

function isReadable(path: string): boolean {
  try {
    closeSync(openSync(path, "r"));
    return true;
  } catch {
    return false;
  }
}

const noKey = (message: string, cause: unknown) => new BridgeError("KEYSTORE_WRONG_KEY", message, undefined, { cause });
