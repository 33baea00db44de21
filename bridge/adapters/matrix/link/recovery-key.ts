import { BridgeError } from "@armorclaw/protocol/errors";
import { decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";

/** The 32 bytes of a recovery key as clients show it. @throws BridgeError MATRIX_LOGIN_FAILED */
export function parseRecoveryKey(text: string): Uint8Array {
  try {
    return decodeRecoveryKey(text);
  } catch (error) {
    throw new BridgeError("MATRIX_LOGIN_FAILED", "The recovery key is not well-formed", undefined, { cause: error });
  }
}
