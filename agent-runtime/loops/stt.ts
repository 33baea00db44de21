import { asCallMessage } from "../voice/call-messages.ts";
import { openMedia } from "../voice/media-connection.ts";
import { pocketsphinx, type SpeechRecognizer } from "../voice/speech-engines.ts";
import { Utterances } from "../voice/utterances.ts";
import type { Loop } from "./loop.ts";

/** The questions that `voice-assistant` answers, in words of pocketsphinx's dictionary. */
const grammar = `#JSGF V1.0;
grammar assistant;
public <question> = system status | how many agents are running | approve the deployment | cancel the build | good bye;
`;

/** The most utterances that wait for the recognizer. The oldest is dropped first. */
const waitingMax = 8;

interface QueuedUtterance {
  readonly call: number;
  readonly rate: number;
  readonly samples: Int16Array;
}

/** Transcribes callers, one utterance after the other. */
export function createLoop(recognizer: SpeechRecognizer = pocketsphinx(grammar)): Loop {
  const calls = new Map<number, Utterances>();
  const waiting: QueuedUtterance[] = [];
  return {
    async start({ mediaSocketPath, signal, log }) {
      let isBusy = false;
      const work = async () => {
        if (isBusy) return;
        isBusy = true;
        for (let next = waiting.shift(); next !== undefined && !signal.aborted; next = waiting.shift()) {
          const { call, rate, samples } = next;
          const text = await recognizer.recognize(samples, rate, signal).catch((error: unknown) => {
            log(`an utterance could not be transcribed: ${error}`);
            return "";
          });
          if (text !== "") media.message({ type: "transcript", call, text, is_final: true });
        }
        isBusy = false;
      };
      const media = openMedia(
        mediaSocketPath,
        signal,
        (frame) => {
          if (frame.kind === "audio") {
            calls.get(frame.call)?.push(frame.samples);
            return;
          }
          const message = asCallMessage(frame.message);
          if (message?.type === "call") {
            const { call, rate } = message;
            const onUtterance = (samples: Int16Array) => {
              waiting.push({ call, rate, samples });
              if (waiting.length > waitingMax) waiting.shift();
              void work();
            };
            calls.set(call, new Utterances(rate, onUtterance));
          } else if (message?.type === "speech") calls.get(message.call)?.speech(message.change);
          else if (message?.type === "ended") calls.delete(message.call);
        },
        log,
      );
    },
    async tick({ log }) {
      log(`${calls.size} calls`);
    },
  };
}
