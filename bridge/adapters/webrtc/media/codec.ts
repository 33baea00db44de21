import { Application, createDecoder, createEncoder, Signal } from "libopus-wasm";
import { type SampleRate, samplesPerFrame } from "../protocol/sample-rate.ts";

/** Decodes a call's Opus frames to 20 ms of mono samples each. */
export interface FrameDecoder {
  decode(payload: Uint8Array): Int16Array;
  /** Rebuilds the frame before this one from the redundancy in this one. */
  recover(next: Uint8Array): Int16Array;
  /** Extrapolates a lost frame from those before it. */
  conceal(): Int16Array;
  free(): void;
}

export interface FrameEncoder {
  encode(samples: Int16Array): Uint8Array;
  free(): void;
}

export async function openDecoder(rate: SampleRate): Promise<FrameDecoder> {
  const decoder = await createDecoder({ channels: 1, sampleRate: rate });
  const frameSize = samplesPerFrame(rate);
  return {
    decode: (payload) => decoder.decode(payload),
    recover: (next) => decoder.decode(next, { decodeFec: true, frameSize }),
    conceal: () => decoder.decodePacketLoss(frameSize),
    free: () => decoder.free(),
  };
}

/** Complexity 5 costs half of 10 and sounds the same for speech. `fec` writes the redundancy that `recover` reads. */
export async function openEncoder(rate: SampleRate): Promise<FrameEncoder> {
  const encoder = await createEncoder({
    channels: 1,
    sampleRate: rate,
    application: Application.Voip,
    signal: Signal.Voice,
    bitrate: 32_000,
    complexity: 5,
    fec: true,
    packetLossPercent: 10,
  });
  return { encode: (samples) => encoder.encode(samples), free: () => encoder.free() };
}
