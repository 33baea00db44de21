import type { Loop } from "../loop.ts";
import { openMedia } from "../voice/media-connection.ts";

/** Lets callers hear themselves, as the agent heard them. */
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
      // It does nothing but say back.
    },
  };
}
