import { connect, type Socket } from "node:net";
import { type AgentFrame, type AgentMessage, encodeFrame, FrameReader } from "@armorclaw/protocol/agent-frames";

const reconnectMs = 500;

export interface MediaConnection {
  message(message: AgentMessage): void;
  sound(call: number, samples: Int16Array<ArrayBuffer>): void;
}

/** Connects to the agent's media socket, again after each disconnection, until the signal aborts. */
export function openMedia(
  path: string,
  signal: AbortSignal,
  onFrame: (frame: AgentFrame) => void,
  onTrouble: (message: string) => void,
  /** The parts without which a call to the agent makes no sense: it takes text from `stt`, and its text is spoken by `tts`. */
  needs: readonly ("stt" | "tts")[] = [],
): MediaConnection {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let sequence = 0;
  const write = (frame: AgentFrame) => void socket?.write(encodeFrame(frame, "binary"));
  const open = () => {
    if (signal.aborted) return;
    const reader = new FrameReader();
    const opened = connect(path, () => write({ kind: "message", message: { type: "hello", needs: [...needs] } }));
    socket = opened;
    opened.on("data", (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) onFrame(frame);
      } catch (error) {
        onTrouble(`The media socket was closed after an error: ${error}`);
        opened.destroy();
      }
    });
    // An error is always followed by `close`.
    opened.on("error", () => undefined);
    opened.once("close", () => {
      timer = setTimeout(open, reconnectMs);
    });
  };
  signal.addEventListener(
    "abort",
    () => {
      clearTimeout(timer);
      socket?.destroy();
    },
    { once: true },
  );
  open();
  return {
    message: (message) => write({ kind: "message", message }),
    sound: (call, samples) => {
      sequence += 1;
      write({ kind: "audio", call, sequence, timeUs: Math.round(performance.now() * 1000), samples });
    },
  };
}
