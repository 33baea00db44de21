import type { MatrixClient } from "matrix-js-sdk";
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api/index.js";
import { encodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import { delay, systemClock } from "../../../platform/clock.ts";
import type { IdentityStatus } from "../protocol/worker-protocol.ts";
import { NotReady } from "./sdk-failure.ts";

function cryptoOf(client: MatrixClient): CryptoApi {
  const crypto = client.getCrypto();
  if (crypto === undefined) throw new NotReady("encryption is not ready");
  return crypto;
}

async function opensStorage(client: MatrixClient, recoveryKey: Uint8Array): Promise<boolean> {
  const storage = await client.secretStorage.getKey();
  return storage !== null && (await client.secretStorage.checkKey(new Uint8Array(recoveryKey), storage[1]));
}

export async function identityStatus(client: MatrixClient, recoveryKey: Uint8Array): Promise<IdentityStatus> {
  const crypto = cryptoOf(client);
  const [userId, deviceId] = [client.getSafeUserId(), client.getDeviceId() ?? ""];
  const device = await crypto.getDeviceVerificationStatus(userId, deviceId);
  return {
    fingerprint: (await crypto.getOwnDeviceKeys()).ed25519,
    isCrossSigned: device?.signedByOwner ?? false,
    backupVersion: await crypto.getActiveSessionBackupVersion(),
    isRecoverable: await opensStorage(client, recoveryKey),
  };
}

/**
 * Has the account sign this device, and sets up the backup of room keys: with a new identity where the account has none, or else with
 * the identity that the recovery key unlocks. An identity that the key does not unlock stays unchanged: only another device of the
 * account can then sign this one.
 */
export async function secureAccount(
  client: MatrixClient,
  recoveryKey: Uint8Array,
  password: string | undefined,
): Promise<IdentityStatus> {
  const crypto = cryptoOf(client);
  const userId = client.getSafeUserId();
  const hasIdentity = await crypto.userHasCrossSigningKeys(userId, true);
  const isOpen = await opensStorage(client, recoveryKey);
  if (hasIdentity && !isOpen && !(await crypto.isCrossSigningReady())) return await identityStatus(client, recoveryKey);
  await crypto.bootstrapCrossSigning({
    authUploadDeviceSigningKeys: async (upload) => {
      await upload(
        password === undefined
          ? null
          : { type: "m.login.password", identifier: { type: "m.id.user", user: userId }, password },
      );
    },
  });
  if (isOpen) {
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    await crypto.checkKeyBackupAndEnable();
    await crypto.restoreKeyBackup();
  } else if (!(await client.secretStorage.hasKey())) {
    await crypto.bootstrapSecretStorage({
      setupNewKeyBackup: true,
      createSecretStorageKey: async () => ({
        privateKey: new Uint8Array(recoveryKey),
        encodedPrivateKey: encodeRecoveryKey(new Uint8Array(recoveryKey)) ?? "",
      }),
    });
  }
  // The new signature arrives with one of the next syncs.
  for (let look = 0; look < 50 && !(await identityStatus(client, recoveryKey)).isCrossSigned; look += 1)
    await delay(systemClock, 100);
  return await identityStatus(client, recoveryKey);
}
