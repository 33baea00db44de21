import { contractEvent } from "../../../events/index.ts";
import type { Logger } from "../../../logging/index.ts";
import type { EventRecorder, EventRecorderDeps } from "../rooms/event-recorder.ts";
import type { WorkerClient } from "./worker-client.ts";
import type { RoomNotice } from "./worker-supervisor.ts";

export interface WorkerMessagesDeps extends Pick<EventRecorderDeps, "trust"> {
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  /** The configured id of a homeserver's room. */
  readonly configuredRoom: (roomId: string) => string;
  /** The bridge has joined a room, so that messages that wait for this room may be sent. */
  readonly joined: () => void;
}

/** Records what the worker reports about rooms, and confirms it to the worker where the worker waits. */
export class WorkerMessages {
  readonly #deps: WorkerMessagesDeps;

  constructor(deps: WorkerMessagesDeps) {
    this.#deps = deps;
  }

  async record(notice: Exclude<RoomNotice, { kind: "left" }>, worker: WorkerClient): Promise<void> {
    const { logger, recorder, configuredRoom } = this.#deps;
    switch (notice.kind) {
      case "inbound": {
        const { eventId } = notice.event;
        const isStored = await recorder.inbound(notice.event).then(
          () => true,
          (error: unknown) => {
            logger.error({ error }, "an event of a room could not be stored");
            return false;
          },
        );
        // The worker ends when the event was not stored, and fetches it again after its restart.
        await worker.call("stored", { eventId, isStored });
        return;
      }
      case "cursor":
        return await recorder.moved(notice.roomId, notice.eventId);
      case "missed":
        logger.warn({ room_id: notice.roomId, reason: notice.reason }, "messages of a room may be missing");
        return await recorder.missed(configuredRoom(notice.roomId), notice.reason);
      case "encrypted":
        return await recorder.encrypted(notice.roomId);
      case "echo":
        return await recorder.echo({ ...notice, roomId: configuredRoom(notice.roomId) }, notice.sentAtMs);
      case "receipt":
        return await recorder.read(configuredRoom(notice.roomId), notice.userId, notice.upToMs);
      case "invite":
        return await this.#invited(notice.roomId, notice.inviter, worker);
      case "verification": {
        const { flowId, userId, state, emoji } = notice.verification;
        const data = { flow_id: flowId, user_id: userId, state, emoji: emoji.map((one) => ({ ...one })) };
        return await recorder.publish(contractEvent("matrix.verification", "bridge", data));
      }
    }
  }

  /** Accepts only a trusted person's invitation to a room that the configuration names. */
  async #invited(roomId: string, inviter: string, worker: WorkerClient): Promise<void> {
    const { trust, recorder, configuredRoom } = this.#deps;
    if (trust.roleOf(inviter) !== undefined && trust.isTrustedRoom(configuredRoom(roomId))) {
      await worker.call("join", { room: roomId });
      this.#deps.joined();
    } else await recorder.publish(contractEvent("matrix.invited", "bridge", { room_id: roomId, inviter }));
  }
}
