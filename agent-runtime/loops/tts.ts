import { pause } from "@armorclaw/client-sdk/retry";
import type { Loop } from "../loop.ts";
import { asCallMessage } from "../voice/call-messages.ts";
import { openMedia } from "../voice/media-connection.ts";
import { espeak, type SpeechSynthesizer } from "../voice/speech-engines.ts";

/** The bridge keeps ten seconds of what is to be said; beyond this the loop waits until it is heard. */
const aheadMs = 5_000;
const frameMs = 20;

/** Speaks to callers what agents say. */
export function createLoop(synthesizer: SpeechSynthesizer = espeak): Loop {
  /** What is being said in each call, and its rate. A barge-in ends it. */
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
                if (!speaking.aborted) log(`something was not said: ${error}`);
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
