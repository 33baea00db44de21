import assert from "node:assert/strict";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../../platform/clock.ts";
import { postNotice, serveWorker } from "../../../platform/worker-rpc.ts";
import type {
  MediaFailure,
  MediaMethods,
  MediaNotice,
  MediaSettings,
  PlaySamples,
} from "../protocol/media-protocol.ts";
import { failureOf, MediaEngine } from "./media-engine.ts";

// The program of the media thread: its 20 ms tick runs on time whatever the bridge's thread does.
const port = parentPort;
assert(port !== null, "media/main.ts runs in a worker thread");

const engine = new MediaEngine(workerData as MediaSettings, systemClock, (notice: MediaNotice) => {
  const isAudio = notice.event.kind === "audio";
  postNotice(port, notice, isAudio ? [notice.event.samples.buffer as ArrayBuffer] : []);
});
serveWorker<MediaMethods, PlaySamples, MediaFailure>(port, {
  handlers: engine.handlers,
  failureOf,
  onCommand: ({ call, samples }) => engine.play(call, samples),
  onEnd: () => engine.close(),
});
