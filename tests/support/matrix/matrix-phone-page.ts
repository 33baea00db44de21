/// <reference lib="dom" />
// A Matrix client with voice calls, for a browser. It uses the SDK of real clients, and no code of the bridge.
import { ClientEvent, createClient, type MatrixClient, MatrixEventEvent, RoomEvent, SyncState } from "matrix-js-sdk";
import { type CallEvent, createNewMatrixCall, type MatrixCall } from "matrix-js-sdk/lib/webrtc/call.js";

type SendEvent = (roomId: string, type: string, content: object) => Promise<{ event_id: string }>;

export interface HeardEvent {
  readonly type: string;
  readonly sender: string;
  readonly content: Record<string, unknown>;
  readonly isEncrypted: boolean;
}

export class Phone {
  #client: MatrixClient | undefined;
  #call: MatrixCall | undefined;
  /** The call events of others. */
  readonly heard: HeardEvent[] = [];

  async logIn(baseUrl: string, user: string, password: string): Promise<void> {
    const identifier = { type: "m.id.user", user };
    const login = { type: "m.login.password", identifier, password };
    const { access_token, user_id, device_id } = await createClient({ baseUrl }).loginRequest(login);
    const client = createClient({ baseUrl, accessToken: access_token, userId: user_id, deviceId: device_id });
    this.#client = client;
    await client.initRustCrypto({ useIndexedDB: false });
    await client.getCrypto()?.bootstrapCrossSigning({
      authUploadDeviceSigningKeys: async (upload) => void (await upload(login)),
    });
    client.on(RoomEvent.Timeline, (event) => {
      const note = () => {
        const [type, sender = ""] = [event.getType(), event.getSender()];
        if (sender === user_id || !type.startsWith("m.call.")) return;
        this.heard.push({ type, sender, content: event.getContent(), isEncrypted: event.isEncrypted() });
      };
      if (event.isEncrypted()) event.once(MatrixEventEvent.Decrypted, note);
      else note();
    });
    const synced = new Promise<void>((resolve) => {
      client.on(ClientEvent.Sync, (state) => {
        if (state === SyncState.Prepared) resolve();
      });
    });
    await client.startClient({ lazyLoadMembers: false, disablePresence: true });
    await synced;
  }

  /** Sends an event in the room, encrypted where the room is. */
  async send(roomId: string, type: string, content: object): Promise<void> {
    const sendEvent = this.#account.sendEvent.bind(this.#account) as SendEvent;
    await sendEvent(roomId, type, content);
  }

  members(roomId: string): number {
    return this.#account.getRoom(roomId)?.getJoinedMemberCount() ?? 0;
  }

  async call(roomId: string): Promise<void> {
    const call = createNewMatrixCall(this.#account, roomId);
    if (call === null) throw new Error("this browser cannot call");
    this.#call = call;
    call.on("error" as CallEvent.Error, () => undefined);
    call.on("feeds_changed" as CallEvent.FeedsChanged, () => {
      const audio = new Audio();
      audio.srcObject = call.getRemoteFeeds()[0]?.stream ?? null;
      audio.muted = true;
      void audio.play();
    });
    await call.placeVoiceCall();
  }

  hangUp(): void {
    this.#placed.hangup("user_hangup" as never, false);
  }

  /** Returns the call's state, why it ended, and how many streams the client would play. */
  get status(): { readonly state: string; readonly reason: string | undefined; readonly streams: number } {
    const { state, hangupReason } = this.#placed;
    return { state, reason: hangupReason, streams: this.#placed.getRemoteFeeds().length };
  }

  get connection(): RTCPeerConnection {
    const { peerConn } = this.#placed;
    if (peerConn === undefined) throw new Error("there is no connection");
    return peerConn;
  }

  get #placed(): MatrixCall {
    if (this.#call === undefined) throw new Error("there is no call");
    return this.#call;
  }

  get #account(): MatrixClient {
    if (this.#client === undefined) throw new Error("nobody is logged in");
    return this.#client;
  }
}

const phone = new Phone();
// The name under which the helpers for tones find the connection.
Object.assign(window, { phone, bridgeCall: phone });
