import { contractEvent } from "../../../events/index.ts";
import type { Logger } from "../../../logging/index.ts";
import type { EventRecorder, EventRecorderDeps } from "../rooms/event-recorder.ts";
import type { WorkerClient } from "./worker-client.ts";
import type { LinkMessage } from "./worker-supervisor.ts";

export interface HeardDeps extends Pick<EventRecorderDeps, "trust"> {
  readonly logger: Logger;
  readonly recorder: EventRecorder;
}

/** Writes down what the worker says of the rooms, and answers it where it waits. */
export async function writeDown(
  deps: HeardDeps,
  message: Exclude<LinkMessage, { kind: "left" }>,
  link: WorkerClient,
): Promise<void> {
  const { logger, recorder } = deps;
  switch (message.kind) {
    case "inbound": {
      const { eventId } = message.event;
      const isStored = await recorder.inbound(message.event).then(
        () => true,
        (error: unknown) => {
          logger.error({ error }, "an event of a room could not be stored");
          return false;
        },
      );
      // Where it was not stored the worker ends, and fetches it again after its restart.
      await link.call("stored", { eventId, isStored });
      return;
    }
    case "cursor":
      return await recorder.moved(message.roomId, message.eventId);
    case "missed":
      logger.warn({ room_id: message.roomId, reason: message.reason }, "messages of a room may be missing");
      return await recorder.missed(message.roomId, message.reason);
    case "encrypted":
      return await recorder.encrypted(message.roomId);
    case "echo":
      return await recorder.echo(message, message.sentAtMs);
    case "receipt":
      return await recorder.read(message.roomId, message.userId, message.upToMs);
    case "invite":
      return await invited(deps, message.roomId, message.inviter, link);
    case "verification": {
      const { flowId, userId, state, emoji } = message.verification;
      const data = { flow_id: flowId, user_id: userId, state, emoji: emoji.map((one) => ({ ...one })) };
      return await recorder.publish(contractEvent("matrix.verification", "bridge", data));
    }
  }
}

/** Only a trusted person's invitation to a room that the configuration names is followed. */
async function invited({ trust, recorder }: HeardDeps, roomId: string, inviter: string, link: WorkerClient) {
  if (trust.roleOf(inviter) !== undefined && trust.isTrustedRoom(roomId)) await link.call("join", { room: roomId });
  else await recorder.publish(contractEvent("matrix.invited", "bridge", { room_id: roomId, inviter }));
}
