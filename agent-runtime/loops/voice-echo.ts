import { openMedia } from "../voice/media-connection.ts";
import type { Loop } from "./loop.ts";

/** Plays a caller's audio back to the caller. */
export function createLoop(): Loop {
  return {
    async start({ mediaSocketPath, signal, log }) {
      const media = openMedia(
        mediaSocketPath,
        signal,
        (frame) => {
          if (frame.kind === "audio") media.sound(frame.call, frame.samples);
        },
        log,
      );
    },
    async tick() {
      // This loop acts on received audio only.
    },
  };
}
