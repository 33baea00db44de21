import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { BridgeError } from "@armorclaw/protocol/errors";
import { sealProtocol } from "@armorclaw/protocol/seal";
import { othersMayReach } from "./file-mode.ts";
import { untrusted } from "./trusted-file.ts";

/**
 * Reads the key that messages are sealed under: base64 or hexadecimal text.
 * @param setting the configuration's key that names the file
 * @throws BridgeError CONFIG_INVALID when it cannot be read, is no key, or others may read it
 */
export function readSealKey(path: string, setting: "listen.websocket.seal_key_file" | "rpc.seal_key_file"): Uint8Array {
  const invalid = (why: string, cause?: unknown) =>
    new BridgeError("CONFIG_INVALID", `${setting}: ${path} ${why}`, undefined, { cause });
  let text: string;
  let isOpenToOthers: boolean;
  try {
    const file = openSync(path, "r");
    try {
      isOpenToOthers = othersMayReach(fstatSync(file));
      text = readFileSync(file, "latin1").trim();
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw invalid("cannot be read", cause);
  }
  const danger = untrusted(path);
  if (danger !== undefined) throw invalid(`is not safe: ${danger}`);
  if (isOpenToOthers) throw invalid("may be read by others than its owner; chmod 600 it");
  const key = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? "hex" : "base64");
  if (key.length !== sealProtocol.keyBytes) throw invalid(`holds no ${sealProtocol.keyBytes} bytes as base64 or hex`);
  return key;
}
