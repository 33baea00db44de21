import assert from "node:assert/strict";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../../platform/clock.ts";
import type { FromMedia, MediaSettings, ToMedia } from "../protocol/media-messages.ts";
import { MediaEngine } from "./media-engine.ts";

// The media thread: whatever the bridge is busy with, the 20 ms beat goes on here.
const port = parentPort;
assert(port !== null, "it runs as a worker thread");

const engine = new MediaEngine(workerData as MediaSettings, systemClock, (message: FromMedia) => {
  const isAudio = message.kind === "event" && message.event.kind === "audio";
  port.postMessage(message, isAudio ? [message.event.samples.buffer as ArrayBuffer] : []);
});
port.on("message", (message: ToMedia | "end") => {
  if (message !== "end") engine.receive(message);
  else void engine.close().then(() => port.close());
});
port.postMessage({ kind: "ready" } satisfies FromMedia);
