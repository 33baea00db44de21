import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  MediaStreamTrack,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  type RTCRtpTransceiver,
  RtpHeader,
  RtpPacket,
  TelephoneEventRtpPayload,
  useOPUS,
} from "werift";
import { disableDefaultStun } from "../../../patches/werift/disable-default-stun.ts";
import { IceRestarts } from "../../../patches/werift/ice-restart.ts";
import type { StunGuard } from "../../../patches/werift/stun-guard.ts";
import { mayAdvertise } from "../protocol/candidates.ts";
import type { TransportOptions, TransportStats } from "../protocol/media-protocol.ts";
import { mayContact } from "./candidate-policy.ts";
import { checkOffer } from "./offer-check.ts";
import { ReplayWindow } from "./replay-window.ts";
import { type MediaTransport, OfferRefused, type OpusFrame, type TransportEvents } from "./transport.ts";

const digits = "0123456789*#ABCD";
const streamId = "bridge";
/** The most candidates of a caller in one call. */
const trickledMax = 64;

/** The media of a call over werift. The far end offers and the bridge answers, because werift does not pair its own late relay candidates. */
export class WeriftTransport implements MediaTransport {
  readonly #connection: RTCPeerConnection;
  readonly #events: TransportEvents;
  readonly #options: TransportOptions;
  readonly #guard: StunGuard;
  readonly #track = new MediaStreamTrack({ kind: "audio" });
  readonly #replay = new ReplayWindow();
  readonly #restarts: IceRestarts;
  readonly #counts = { packetsReceived: 0, bytesReceived: 0, packetsSent: 0, bytesSent: 0, refusedCandidates: 0 };
  #withdraw: (() => void)[] = [];
  #opusType = 111;
  #digitType = -1;
  #lastDigitTimestamp = -1;
  #sequence = randomBytes(2).readUInt16BE(0);
  #trickled = 0;
  #isClosed = false;

  constructor(options: TransportOptions, guard: StunGuard, events: TransportEvents) {
    this.#options = options;
    this.#guard = guard;
    this.#events = events;
    this.#connection = new RTCPeerConnection({
      // The defaults include PCMU and video.
      codecs: { audio: [opus(), telephoneEvent()], video: [] },
      iceServers: [],
      iceUseIpv6: false,
      iceLite: false,
      bundlePolicy: "max-bundle",
      icePortRange: [...options.portRange],
      ...boundTo(options),
    });
    this.#restarts = new IceRestarts(this.#connection);
    this.#connection.onIceCandidate.subscribe((candidate) => {
      if (candidate === undefined) events.candidate(null);
      else if (mayAdvertise(candidate.candidate, options)) {
        const { sdpMid = null, sdpMLineIndex = null } = candidate;
        events.candidate({ candidate: candidate.candidate, sdpMid, sdpMLineIndex });
      }
    });
    this.#connection.connectionStateChange.subscribe((state) => {
      if (state !== "new") events.state(state);
    });
    this.#connection.onTrack.subscribe((track) => this.#receive(track));
  }

  async answer(offerSdp: string): Promise<string> {
    const { sdp, candidates } = checkOffer(offerSdp);
    this.#restarts.before();
    await this.#connection.setRemoteDescription({ type: "offer", sdp }).catch((cause: unknown) => {
      throw new OfferRefused("The offer could not be applied", { cause });
    });
    disableDefaultStun(this.#connection);
    const audio = this.#connection.getTransceivers().find(({ kind, stopped }) => kind === "audio" && !stopped);
    if (audio === undefined) throw new OfferRefused("The offer has no usable audio section");
    if (audio.sender.track !== this.#track) await audio.sender.replaceTrack(this.#track);
    audio.direction = "sendrecv";
    // Clients play tracks of a stream only.
    audio.sender.streamIds = [streamId];
    const answer = await this.#connection.createAnswer();
    this.#takePayloadTypes(audio);
    this.#withdraw.push(this.#guard.admit(answer.sdp));
    // This resolves when gathering ends. The answer is sent now and the candidates follow it.
    this.#connection
      .setLocalDescription(answer)
      .then(() => this.#restarts.after())
      .catch(() => this.#fail());
    for (const candidate of candidates) await this.addCandidate(candidate);
    return answer.sdp;
  }

  async addCandidate(candidate: string): Promise<boolean> {
    this.#trickled += 1;
    if (this.#trickled > trickledMax || !mayContact(candidate, this.#options)) {
      this.#counts.refusedCandidates += 1;
      return false;
    }
    await this.#connection.addIceCandidate({ candidate, sdpMLineIndex: 0 });
    return true;
  }

  send({ payload, timestamp, isFirst }: OpusFrame): void {
    if (this.#connection.connectionState !== "connected") return;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const header = new RtpHeader({
      payloadType: this.#opusType,
      sequenceNumber: this.#sequence,
      timestamp,
      marker: isFirst,
      ssrc: 1,
    });
    this.#track.writeRtp(new RtpPacket(header, Buffer.from(payload)));
    this.#counts.packetsSent += 1;
    this.#counts.bytesSent += payload.length;
  }

  stats(): TransportStats {
    return { ...this.#counts, replayed: this.#replay.rejected, unauthenticatedStun: this.#guard.dropped };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const withdraw of this.#withdraw.splice(0)) withdraw();
    await this.#connection.close();
  }

  #fail(): void {
    if (!this.#isClosed) this.#events.state("failed");
  }

  /** Each browser numbers the formats differently. */
  #takePayloadTypes({ codecs }: RTCRtpTransceiver): void {
    const typeOf = (name: RegExp) => codecs.find(({ mimeType }) => name.test(mimeType))?.payloadType;
    const opusType = typeOf(/opus/i);
    assert(opusType !== undefined, "the offer was checked to have Opus");
    this.#opusType = opusType;
    this.#digitType = typeOf(/telephone-event/i) ?? -1;
  }

  #receive(track: MediaStreamTrack): void {
    track.onReceiveRtp.subscribe(({ header, payload }) => {
      const sequence = this.#replay.accept(header.sequenceNumber);
      if (sequence === undefined) return;
      this.#counts.packetsReceived += 1;
      this.#counts.bytesReceived += payload.length;
      if (header.payloadType === this.#digitType) this.#digit(header.timestamp, payload);
      else if (payload.length > 0) this.#events.frame({ sequence, timestamp: header.timestamp, payload });
    });
  }

  /** A key press is many packets. Its end, which is sent three times, counts once. */
  #digit(timestamp: number, payload: Buffer): void {
    if (payload.length < 4) return;
    const { end, event } = TelephoneEventRtpPayload.deSerialize(payload);
    const digit = digits[event];
    if (!end || digit === undefined || timestamp === this.#lastDigitTimestamp) return;
    this.#lastDigitTimestamp = timestamp;
    this.#events.digit(digit);
  }
}

const opus = () => useOPUS({ payloadType: 111, parameters: "minptime=10;useinbandfec=1" });

const telephoneEvent = () =>
  new RTCRtpCodecParameters({ mimeType: "audio/telephone-event", clockRate: 48_000, payloadType: 110 });

function boundTo({ addresses, announcedAddress }: TransportOptions) {
  const [first] = addresses;
  return {
    ...(first === undefined ? {} : { iceInterfaceAddresses: { udp4: first } }),
    ...(first === undefined && announcedAddress === undefined
      ? {}
      : { iceAdditionalHostAddresses: announcedAddress === undefined ? [...addresses] : [announcedAddress] }),
  };
}
