import { EventStatus, type MatrixClient, type MatrixEvent, type Room, RoomEvent } from "matrix-js-sdk";
import type { Outgoing, Upload, Uploaded, WorkerNotice } from "../protocol/worker-protocol.ts";
import { encryptAttachment } from "./attachment.ts";
import type { PlaintextGuard } from "./plaintext-guard.ts";
import { NotReady } from "./sdk-failure.ts";

/** The most transactions of this process in flight. */
const inFlightMax = 1000;

type SendEvent = (
  roomId: string,
  threadId: null,
  type: string,
  content: object,
  transactionId: string,
) => Promise<{ event_id: string }>;

/** Sends events, and notifies of their echoes by sync. */
export class Sender {
  readonly #client: MatrixClient;
  readonly #guard: PlaintextGuard;
  readonly #isLive: () => boolean;
  readonly #inFlight = new Map<string, Promise<{ eventId: string }>>();
  /** Rooms whose members were compared with the server's since the link came up. */
  readonly #compared = new Set<string>();

  constructor(
    client: MatrixClient,
    guard: PlaintextGuard,
    isLive: () => boolean,
    notify: (notice: WorkerNotice) => void,
  ) {
    this.#client = client;
    this.#guard = guard;
    this.#isLive = isLive;
    const echo = (event: MatrixEvent, transactionId: string | undefined) => {
      const [roomId, eventId] = [event.getRoomId(), event.getId()];
      if (roomId === undefined || eventId === undefined) return;
      notify({ kind: "echo", roomId, transactionId, eventId, sentAtMs: event.getTs() });
    };
    // An event of this process returns as an update of its local echo, one of an earlier process as a new event.
    client.on(RoomEvent.LocalEchoUpdated, (event) => {
      if (event.status === null) echo(event, event.getUnsigned().transaction_id ?? event.getTxnId());
    });
    client.on(RoomEvent.Timeline, (event) => {
      if (event.getSender() === client.getUserId() && event.status === null)
        echo(event, event.getUnsigned().transaction_id);
    });
  }

  /** The connection was lost, and members may change meanwhile. */
  linkLost(): void {
    this.#compared.clear();
  }

  send(outgoing: Outgoing): Promise<{ eventId: string }> {
    const running = this.#inFlight.get(outgoing.transactionId);
    if (running !== undefined) return running;
    if (this.#inFlight.size >= inFlightMax) return Promise.reject(new NotReady("too many events are in flight"));
    const sending = this.#send(outgoing).finally(() => this.#inFlight.delete(outgoing.transactionId));
    this.#inFlight.set(outgoing.transactionId, sending);
    return sending;
  }

  /** Uploads a file that an event can refer to. It is encrypted when the room is. */
  async upload({ roomId, bytes, mimetype, name }: Upload): Promise<Uploaded> {
    const room = this.#knownRoom(roomId);
    if (!room.hasEncryptionStateEvent()) {
      const { content_uri: url } = await this.#client.uploadContent(asBlob(bytes, mimetype), { type: mimetype, name });
      return { url };
    }
    const { ciphertext, file } = encryptAttachment(bytes);
    const options = { type: "application/octet-stream", includeFilename: false };
    const { content_uri: url } = await this.#client.uploadContent(asBlob(ciphertext, options.type), options);
    return { file: { url, ...file } };
  }

  /** @throws NotReady while it is not certain whether the room is encrypted */
  #knownRoom(roomId: string): Room {
    const room = this.#client.getRoom(roomId);
    if (!this.#isLive() || room === null) throw new NotReady("the room is not synced");
    if (this.#guard.isEncrypted(roomId) && !room.hasEncryptionStateEvent())
      throw new NotReady("the room was encrypted, and the homeserver does not say so now");
    return room;
  }

  async #send({ roomId, type, content, transactionId }: Outgoing): Promise<{ eventId: string }> {
    const room = this.#knownRoom(roomId);
    await this.#compareMembers(room);
    const earlier = room.getEventForTxnId(transactionId);
    if (earlier?.status === EventStatus.NOT_SENT) {
      // The same ciphertext again.
      const { event_id: eventId } = await this.#client.resendEvent(earlier, room);
      return { eventId };
    }
    if (earlier?.status === null) return { eventId: earlier.getId() ?? "" };
    const sendEvent = this.#client.sendEvent.bind(this.#client) as SendEvent;
    const { event_id: eventId } = await sendEvent(roomId, null, type, content, transactionId);
    return { eventId };
  }

  /** Checks that all members on the homeserver are known here: others would never get the key. */
  async #compareMembers(room: Room): Promise<void> {
    if (!room.hasEncryptionStateEvent() || this.#compared.has(room.roomId)) return;
    const { joined } = await this.#client.getJoinedRoomMembers(room.roomId);
    const known = new Set(room.getMembersWithMembership("join").map(({ userId }) => userId));
    if (!Object.keys(joined).every((userId) => known.has(userId)))
      throw new NotReady("the list of members is not up to date yet");
    this.#compared.add(room.roomId);
  }
}

const asBlob = (bytes: Uint8Array, type: string): Blob => new Blob([new Uint8Array(bytes)], { type });
