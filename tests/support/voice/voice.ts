import { Application, createDecoder, createEncoder } from "libopus-wasm";
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, RtpHeader, RtpPacket, useOPUS } from "werift";
import { Ticker } from "../../../bridge/adapters/webrtc/media/ticker.ts";
import type { IceCandidate } from "../../../bridge/adapters/webrtc/protocol/media-protocol.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";

/** Media settings for this machine alone. */
export const loopback = {
  addresses: ["127.0.0.1"],
  announcedAddress: undefined,
  remoteCandidates: "ignore",
} as const;

/** A tone of half the full scale. */
export function sine(hertz: number, rate: number, ms: number, fromMs = 0): Int16Array<ArrayBuffer> {
  const first = Math.round((fromMs * rate) / 1000);
  return Int16Array.from({ length: Math.round((ms * rate) / 1000) }, (_, at) =>
    Math.round(16_000 * Math.sin((2 * Math.PI * hertz * (first + at)) / rate)),
  );
}

/** Returns the share of a sound's energy at one frequency, by Goertzel; 1 for a pure tone. */
export function toneShare(samples: Int16Array, hertz: number, rate: number): number {
  const window = samples.map((sample, at) => sample * 0.5 * (1 - Math.cos((2 * Math.PI * at) / samples.length)));
  const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / rate);
  let [before, last, energy] = [0, 0, 0];
  for (const sample of window) {
    [before, last] = [last, sample + coefficient * last - before];
    energy += sample * sample;
  }
  const power = last * last + before * before - coefficient * last * before;
  // For a pure tone under a Hann window this is a third.
  return energy === 0 ? 0 : (3 * power) / (samples.length * energy);
}

export interface FarEnd extends AsyncDisposable {
  offer(iceRestart?: boolean): Promise<string>;
  accept(answer: string): Promise<void>;
  add(candidate: IceCandidate): Promise<void>;
  /** Plays 48 kHz samples, and silence after them. */
  play(samples: Int16Array): void;
  /** The audio received so far. */
  heard(): Int16Array;
  readonly connection: RTCPeerConnection;
  readonly candidates: string[];
}

/** A caller that uses the same library as the bridge, for tests that need no browser. */
export async function openFarEnd(): Promise<FarEnd> {
  const encoder = await createEncoder({ channels: 1, application: Application.Voip, bitrate: 32_000, fec: true });
  const decoder = await createDecoder({ channels: 1 });
  const connection = new RTCPeerConnection({
    codecs: {
      audio: [
        useOPUS({ payloadType: 111, parameters: "minptime=10;useinbandfec=1" }),
        new RTCRtpCodecParameters({ mimeType: "audio/telephone-event", clockRate: 48_000, payloadType: 110 }),
      ],
      video: [],
    },
    iceServers: [],
    iceUseIpv6: false,
    bundlePolicy: "max-bundle",
    iceInterfaceAddresses: { udp4: "127.0.0.1" },
    iceAdditionalHostAddresses: ["127.0.0.1"],
  });
  const track = new MediaStreamTrack({ kind: "audio" });
  connection.addTransceiver(track, { direction: "sendrecv" });
  const heard: Int16Array[] = [];
  const candidates: string[] = [];
  connection.onIceCandidate.subscribe((candidate) => {
    if (candidate !== undefined) candidates.push(candidate.candidate);
  });
  connection.onTrack.subscribe((remote) => {
    remote.onReceiveRtp.subscribe(({ payload }) => heard.push(decoder.decode(payload).slice()));
  });
  let queue: Int16Array = new Int16Array(0);
  let [sequence, timestamp] = [1_000, 0];
  const stop = new Ticker(systemClock).add(() => {
    if (connection.connectionState !== "connected") return;
    const frame = new Int16Array(960);
    frame.set(queue.subarray(0, 960));
    queue = queue.subarray(960);
    sequence = (sequence + 1) & 0xffff;
    timestamp += 960;
    const header = new RtpHeader({ payloadType: 111, sequenceNumber: sequence, timestamp, ssrc: 1 });
    track.writeRtp(new RtpPacket(header, Buffer.from(encoder.encode(frame))));
  });
  return {
    connection,
    candidates,
    async offer(iceRestart = false) {
      const offer = await connection.createOffer(iceRestart ? { iceRestart } : {});
      for (const transport of connection.iceTransports)
        (transport.connection as { stunServer?: unknown }).stunServer = undefined;
      await connection.setLocalDescription(offer);
      return connection.localDescription?.sdp ?? offer.sdp;
    },
    accept: (sdp) => connection.setRemoteDescription({ type: "answer", sdp }),
    add: ({ candidate }) => connection.addIceCandidate({ candidate, sdpMLineIndex: 0 }),
    play(samples) {
      queue = samples;
    },
    heard: () => joined(heard),
    async [Symbol.asyncDispose]() {
      stop();
      await connection.close();
      encoder.free();
      decoder.free();
    },
  };
}

export function joined(parts: readonly Int16Array[]): Int16Array<ArrayBuffer> {
  const all = new Int16Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
