import type { MatrixClient } from "matrix-js-sdk";
import type { CryptoBackend } from "matrix-js-sdk/lib/common-crypto/CryptoBackend.js";

/**
 * Makes the client fetch again the devices of all people in encrypted rooms. Devices that were added while it was away get no
 * keys without this.
 */
export async function refreshTrackedDevices(client: MatrixClient): Promise<void> {
  // `CryptoApi`, the public type, lacks the method that the object behind it has.
  await (client.getCrypto() as CryptoBackend | undefined)?.markAllTrackedUsersAsDirty();
}
