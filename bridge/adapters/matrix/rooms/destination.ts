import { BridgeError, errorCatalogue } from "@armorclaw/protocol/errors";
import { DeliveryError, type Destination, type OutboundMessage, type QueuedMessage } from "../../../outbox/index.ts";
import type { Outgoing, Upload, Uploaded } from "../protocol/worker-protocol.ts";
import { eventContent, OutgoingMessage } from "./content.ts";

export const destinationName = "matrix";

/** The outbox message for a room. Messages of one room keep their order. */
export const roomMessage = (roomId: string, dedupeKey: string, message: OutgoingMessage): OutboundMessage => ({
  destination: destinationName,
  lane: roomId,
  dedupeKey,
  body: message,
});

/** Sends messages to rooms. */
export interface RoomSender {
  send(outgoing: Outgoing, signal: AbortSignal): Promise<{ eventId: string }>;
  readonly media: { upload(upload: Upload, signal: AbortSignal): Promise<Uploaded> };
}

/** The outbox destination for rooms. */
export function matrixDestination(adapter: RoomSender): Destination {
  return {
    name: destinationName,
    async send({ lane: roomId, body }: QueuedMessage, transactionId, signal) {
      const message = OutgoingMessage.parse(body);
      const { file } = message;
      try {
        const uploaded =
          file &&
          (await adapter.media.upload(
            { roomId, bytes: Buffer.from(file.base64, "base64"), mimetype: file.mimetype, name: file.name },
            signal,
          ));
        return (await adapter.send({ roomId, transactionId, ...eventContent(message, uploaded) }, signal)).eventId;
      } catch (error) {
        throw deliveryError(error);
      }
    },
  };
}

/** With these errors messages wait until a person logs in or unlocks the keystore. */
const waitsForPerson = new Set(["MATRIX_LOGGED_OUT", "KEYSTORE_LOCKED"]);

/** The homeserver's words for a room that the bridge may not write to: it was removed, the room was upgraded, or its rights were taken. */
const isOutside = /^M_(?:FORBIDDEN|NOT_FOUND|NOT_JOINED)\b/;

function deliveryError(error: unknown): unknown {
  if (!(error instanceof BridgeError)) return error;
  const { code, message, details } = error;
  if (code === "MATRIX_RATE_LIMITED") {
    const retryAfterMs = Number(details?.["retry_after_ms"] ?? 1000);
    return new DeliveryError("held", message, { cause: error, retryAfterMs });
  }
  if (code === "MATRIX_ROOM_NOT_TRUSTED" || (code === "MATRIX_REFUSED" && isOutside.test(message)))
    return new DeliveryError("blocked", message, { cause: error });
  const isTransient = errorCatalogue[code].retryable || waitsForPerson.has(code);
  return new DeliveryError(isTransient ? "transient" : "permanent", message, { cause: error });
}
