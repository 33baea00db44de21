import type { Duplex } from "node:stream";
import { type AgentFrame, encodeFrame, FrameReader } from "@armorclaw/protocol/agent-frames";
import type { Logger } from "../../../logging/index.ts";
import type { ToAgent } from "./agent-messages.ts";

/** Half a second of 16 kHz sound: an agent that is further behind hears what is now rather than what was. */
const behindBytesMax = 25 * 661;
/** Messages are few; an agent that does not even take those is gone. */
const unreadBytesMax = 1024 * 1024;

export interface AgentAudioListener {
  /** The agent has a media connection, for the first time or again. */
  connected(agentId: string): void;
  disconnected(agentId: string): void;
  frame(agentId: string, frame: AgentFrame): void;
}

interface Line {
  readonly socket: Duplex;
  readonly reader: FrameReader;
}

/** Agents' media connections: one each, on a socket of its own, so that no large answer delays a sound. */
export class AgentAudio {
  readonly #logger: Logger;
  readonly #lines = new Map<string, Line>();
  #listener: AgentAudioListener | undefined;
  #dropped = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Frames that agents were too slow for. */
  get dropped(): number {
    return this.#dropped;
  }

  listen(listener: AgentAudioListener): void {
    this.#listener = listener;
  }

  isConnected(agentId: string): boolean {
    return this.#lines.has(agentId);
  }

  /** Takes a connection. The side socket has checked that the connection is this agent's; an older connection of the agent is closed. */
  attach(agentId: string, socket: Duplex): void {
    this.#lines.get(agentId)?.socket.destroy();
    const line: Line = { socket, reader: new FrameReader() };
    socket.on("data", (chunk: Buffer) => this.#receive(agentId, line, chunk));
    // An error is always followed by `close`.
    socket.on("error", () => undefined);
    socket.once("end", () => socket.end());
    socket.once("close", () => {
      if (this.#lines.get(agentId) !== line) return;
      this.#lines.delete(agentId);
      this.#listener?.disconnected(agentId);
    });
    this.#lines.set(agentId, line);
  }

  send(agentId: string, message: ToAgent): void {
    this.#write(agentId, { kind: "message", message }, unreadBytesMax);
  }

  sound(agentId: string, call: number, sequence: number, timeUs: number, samples: Int16Array<ArrayBuffer>): void {
    this.#write(agentId, { kind: "audio", call, sequence, timeUs, samples }, behindBytesMax);
  }

  close(): void {
    for (const { socket } of this.#lines.values()) socket.destroy();
  }

  #write(agentId: string, frame: AgentFrame, bytesMax: number): void {
    const line = this.#lines.get(agentId);
    const mode = line?.reader.mode;
    if (line === undefined || mode === undefined) return;
    if (line.socket.writableLength <= bytesMax) line.socket.write(encodeFrame(frame, mode));
    else if (frame.kind === "audio") this.#dropped += 1;
    else line.socket.destroy();
  }

  #receive(agentId: string, line: Line, chunk: Buffer): void {
    const isFirst = line.reader.mode === undefined;
    try {
      const frames = line.reader.push(chunk);
      if (isFirst) this.#listener?.connected(agentId);
      for (const frame of frames) this.#listener?.frame(agentId, frame);
    } catch (error) {
      this.#logger.warn({ error, agent_id: agentId }, "An agent's media connection was ended");
      line.socket.destroy();
    }
  }
}
