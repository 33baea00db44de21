import { pause } from "@armorclaw/client-sdk/retry";
import { asCallMessage } from "../voice/call-messages.ts";
import { openMedia } from "../voice/media-connection.ts";
import { espeak, type SpeechSynthesizer } from "../voice/speech-engines.ts";
import type { Loop } from "./loop.ts";

/** The bridge queues ten seconds of audio. The loop waits when it is further ahead of the playback than this. */
const aheadMs = 5_000;
const frameMs = 20;

/** Speaks agents' text to callers. */
export function createLoop(synthesizer: SpeechSynthesizer = espeak): Loop {
  /** The calls with their sample rate and what is being spoken. A barge-in aborts `speaking`. */
  const calls = new Map<number, { readonly rate: number; speaking: AbortController; queue: Promise<void> }>();
  return {
    async start({ mediaSocketPath, signal, log }) {
      const say = async (call: number, rate: number, text: string, speaking: AbortSignal) => {
        if (speaking.aborted) return;
        const samples = await synthesizer.speak(text, rate, speaking);
        const size = (rate * frameMs) / 1000;
        const startedAt = performance.now();
        for (let at = 0; at < samples.length && !speaking.aborted; at += size) {
          media.sound(call, samples.slice(at, at + size));
          const aheadOf = (at / rate) * 1000 - (performance.now() - startedAt);
          if (aheadOf > aheadMs) await pause(aheadOf - aheadMs, speaking);
        }
      };
      const media = openMedia(
        mediaSocketPath,
        signal,
        (frame) => {
          const message = frame.kind === "message" ? asCallMessage(frame.message) : undefined;
          if (message === undefined) return;
          const known = calls.get(message.call);
          if (message.type === "call")
            calls.set(message.call, { rate: message.rate, speaking: new AbortController(), queue: Promise.resolve() });
          if (known === undefined) return;
          if (message.type === "say") {
            const speaking = AbortSignal.any([signal, known.speaking.signal]);
            const { text, call } = message;
            known.queue = known.queue
              .then(() => say(call, known.rate, text, speaking))
              .catch((error: unknown) => {
                if (!speaking.aborted) log(`a text could not be spoken: ${error}`);
              });
          } else if (message.type === "cleared" || message.type === "ended") {
            known.speaking.abort();
            known.speaking = new AbortController();
          }
          if (message.type === "ended") calls.delete(message.call);
        },
        log,
      );
    },
    async tick({ log }) {
      log(`${calls.size} calls`);
    },
  };
}
