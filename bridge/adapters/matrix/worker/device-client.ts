import {
  ClientEvent,
  createClient,
  Filter,
  HttpApiEvent,
  type MatrixClient,
  MatrixScheduler,
  RoomEvent,
  RoomStateEvent,
  SyncState,
} from "matrix-js-sdk";
import { type DurableIdb, installIdbGlobals, openDurableIdb } from "../../../patches/fake-indexeddb/durable-idb.ts";
import { refreshTrackedDevices } from "../../../patches/matrix-js-sdk/stale-devices.ts";
import { type Clock, systemClock, type Timer } from "../../../platform/clock.ts";
import type { InboundEvent, RoomInfo, WorkerNotice, WorkerOptions } from "../protocol/worker-protocol.ts";
import { watchMembers } from "./members.ts";
import { PlaintextGuard } from "./plaintext-guard.ts";
import { Sender } from "./sender.ts";
import { TimelineReader } from "./timeline-reader.ts";
import { Verifications } from "./verifications.ts";

/** The most events of a room in one sync. The rest of a longer gap is fetched by a backfill. */
const timelineLimit = 100;
/** How often a lost connection is retried. The SDK by itself waits up to ten seconds. */
const retryMs = 1000;

export interface DeviceClientDeps {
  readonly notify: (notice: WorkerNotice) => void;
  /** Resolves when the event is stored. */
  readonly deliver: (event: InboundEvent) => Promise<void>;
}

/** The SDK's client of one device: opens its keys, syncs, and connects the parts that read and send. */
export class DeviceClient {
  readonly client: MatrixClient;
  readonly sender: Sender;
  readonly verifications: Verifications;
  readonly #account: WorkerOptions;
  readonly #deps: DeviceClientDeps;
  readonly #guard: PlaintextGuard;
  readonly #timeline: TimelineReader;
  readonly #clock: Clock;
  #retry: Timer | undefined;
  #isLive = false;
  #wasLive = false;

  private constructor(account: WorkerOptions, deps: DeviceClientDeps, clock: Clock) {
    const { notify } = deps;
    this.#account = account;
    this.#deps = deps;
    this.#clock = clock;
    this.#guard = new PlaintextGuard(account.encryptedRooms, (roomId) => notify({ kind: "encrypted", roomId }));
    this.client = makeClient(account, this.#guard);
    this.client.on(HttpApiEvent.SessionLoggedOut, (error) => {
      this.#retry?.cancel();
      notify({ kind: "logged_out", reason: error.message, isSoft: error.data["soft_logout"] === true });
    });
    this.sender = new Sender(this.client, this.#guard, () => this.#isLive, notify);
    this.verifications = new Verifications(this.client, (verification) =>
      notify({ kind: "verification", verification }),
    );
    this.#timeline = new TimelineReader({
      client: this.client,
      clock,
      cursors: account.cursors,
      deliver: deps.deliver,
      moved: (roomId, eventId) => notify({ kind: "cursor", roomId, eventId }),
      failed: (error) => notify({ kind: "fatal", message: `the timeline reader failed: ${String(error)}` }),
      backfillMax: account.backfillMax,
      missed: (roomId, reason) => notify({ kind: "missed", roomId, reason }),
    });
  }

  /** Opens the keys and starts to sync. Notifies `link` when the sync is live. */
  static async open(account: WorkerOptions, deps: DeviceClientDeps, clock: Clock = systemClock): Promise<DeviceClient> {
    const idb = await openDurableIdb(account.cryptoStorePath, (error) =>
      deps.notify({ kind: "fatal", message: `the crypto store cannot be written: ${String(error)}` }),
    );
    const opened = new DeviceClient(account, deps, clock);
    await opened.#start(idb);
    return opened;
  }

  async join(room: string, isEncrypted: boolean): Promise<string> {
    if (isEncrypted) this.#guard.remember(room);
    return (await this.client.joinRoom(room)).roomId;
  }

  rooms(): RoomInfo[] {
    return this.client
      .getRooms()
      .filter((room) => ["join", "invite"].includes(room.getMyMembership()))
      .map((room) => {
        const inviter = room.getMyMembership() === "invite" ? room.getDMInviter() : undefined;
        return {
          roomId: room.roomId,
          name: room.name,
          membership: room.getMyMembership() as "join" | "invite",
          encrypted: room.hasEncryptionStateEvent() || this.#guard.isEncrypted(room.roomId),
          members: room.getJoinedMemberCount(),
          ...(inviter === undefined ? {} : { inviter }),
        };
      });
  }

  async #start(idb: DurableIdb): Promise<void> {
    installIdbGlobals(idb);
    const { storeKey, userId } = this.#account;
    await this.client.initRustCrypto({
      useIndexedDB: true,
      cryptoDatabasePrefix: "bridge",
      storageKey: new Uint8Array(storeKey),
    });
    this.#listen();
    const filter = new Filter(userId);
    filter.setTimelineLimit(timelineLimit);
    await this.client.startClient({
      filter,
      initialSyncLimit: this.#account.firstSyncLimit,
      lazyLoadMembers: false,
      disablePresence: true,
      pollTimeout: this.#account.pollMs,
    });
  }

  #listen(): void {
    const { client } = this;
    client.on(ClientEvent.Sync, (state) => void this.#synced(state));
    client.on(RoomStateEvent.Events, (event) => {
      const roomId = event.getRoomId();
      if (event.getType() === "m.room.encryption" && roomId !== undefined) this.#guard.remember(roomId);
    });
    client.on(RoomEvent.Receipt, (event, room) => {
      for (const [eventId, kinds] of Object.entries(event.getContent())) {
        const readers = (kinds as Record<string, Record<string, { ts?: number }>>)["m.read"] ?? {};
        for (const [userId, { ts = 0 }] of Object.entries(readers)) {
          // The receipt may name a later event than the bridge's. The time of that event counts.
          const upToMs = room.findEventById(eventId)?.getTs() ?? ts;
          if (userId !== client.getUserId())
            this.#deps.notify({ kind: "receipt", roomId: room.roomId, userId, upToMs });
        }
      }
    });
    watchMembers(client, this.#deps.notify);
  }

  async #synced(state: SyncState): Promise<void> {
    if (state === SyncState.Syncing || state === SyncState.Prepared || state === SyncState.Catchup) {
      this.#retry?.cancel();
      this.#retry = undefined;
      if (state === SyncState.Catchup) return;
      if (!this.#wasLive) {
        this.#wasLive = true;
        for (const room of this.client.getRooms())
          if (room.hasEncryptionStateEvent()) this.#guard.remember(room.roomId);
        await refreshTrackedDevices(this.client);
        this.#timeline.start();
      }
      this.#isLive = true;
      this.#deps.notify({ kind: "link", state: "live" });
      return;
    }
    this.#isLive = false;
    this.sender.linkLost();
    this.#deps.notify({ kind: "link", state: "reconnecting" });
    this.#retry ??= this.#clock.every(retryMs, () => this.client.retryImmediately());
  }
}

function makeClient(account: WorkerOptions, guard: PlaintextGuard): MatrixClient {
  return createClient({
    baseUrl: account.homeserver,
    accessToken: account.accessToken,
    userId: account.userId,
    deviceId: account.deviceId,
    useAuthorizationHeader: true,
    disableVoip: true,
    fetchFn: guard.fetch,
    // The SDK's own queue spans all rooms and gives up after four attempts. The bridge's outbox replaces it.
    scheduler: new MatrixScheduler(
      () => -1,
      () => null,
    ),
    cryptoCallbacks: {
      getSecretStorageKey: async ({ keys }) => {
        const [id] = Object.keys(keys);
        return id === undefined ? null : [id, new Uint8Array(account.recoveryKey)];
      },
    },
  });
}
