import type { MatrixClient, MatrixEvent } from "matrix-js-sdk";
import { EventShieldColour } from "matrix-js-sdk/lib/crypto-api/index.js";
import type { Trust } from "../protocol/worker-protocol.ts";

/**
 * How far the sender of an event is authenticated. `verified`: the event was encrypted by a device that its owner has signed, and the
 * owner's identity has not changed since it was first seen.
 */
export async function eventTrust(client: MatrixClient, event: MatrixEvent): Promise<Trust> {
  if (!event.isEncrypted()) return "plain";
  const crypto = client.getCrypto();
  const sender = event.getSender();
  if (crypto === undefined || sender === undefined || event.isDecryptionFailure()) return "unverified";
  const info = await crypto.getEncryptionInfoForEvent(event);
  if (info === null || info.shieldColour !== EventShieldColour.NONE) return "unverified";
  const person = await crypto.getUserVerificationStatus(sender);
  return person.needsUserApproval ? "unverified" : "verified";
}
