import type { Duplex } from "node:stream";
import { type AgentFrame, encodeFrame, FrameReader } from "@armorclaw/protocol/agent-frames";
import type { Logger } from "../../../logging/index.ts";
import type { ToAgent } from "./agent-messages.ts";

/** Half a second of 16 kHz audio. An agent that is further behind loses frames, so that it gets current audio. */
const behindBytesMax = 25 * 661;
/** An agent with this backlog of messages is disconnected. */
const unreadBytesMax = 1024 * 1024;

export interface AgentAudioListener {
  /** The agent opened a media connection. It may have had one before. */
  connected(agentId: string): void;
  disconnected(agentId: string): void;
  frame(agentId: string, frame: AgentFrame): void;
}

interface Connection {
  readonly socket: Duplex;
  readonly reader: FrameReader;
  needs: readonly CallPart[];
}

/** A part that another agent takes in a call. */
export type CallPart = "stt" | "tts";

/** Agents' media connections. Each agent has one, apart from its control socket, so that no large answer delays audio. */
export class AgentAudio {
  readonly #logger: Logger;
  readonly #connections = new Map<string, Connection>();
  #listener: AgentAudioListener | undefined;
  #dropped = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Frames that were dropped because agents read too slowly. */
  get dropped(): number {
    return this.#dropped;
  }

  listen(listener: AgentAudioListener): void {
    this.#listener = listener;
  }

  isConnected(agentId: string): boolean {
    return this.#connections.has(agentId);
  }

  /** Whether the agent has a media connection and has said hello on it. */
  isReady(agentId: string): boolean {
    return this.#connections.get(agentId)?.reader.mode !== undefined;
  }

  /** What the agent said that it needs in a call. */
  needsOf(agentId: string): readonly CallPart[] {
    return this.#connections.get(agentId)?.needs ?? [];
  }

  /** Notes what the agent said that it needs in a call. */
  noteNeeds(agentId: string, needs: readonly CallPart[]): void {
    const connection = this.#connections.get(agentId);
    if (connection !== undefined) connection.needs = needs;
  }

  /** Takes a connection. The side socket has checked that the connection is this agent's; an older connection of the agent is closed. */
  attach(agentId: string, socket: Duplex): void {
    this.#connections.get(agentId)?.socket.destroy();
    const connection: Connection = { socket, reader: new FrameReader(), needs: [] };
    socket.on("data", (chunk: Buffer) => this.#receive(agentId, connection, chunk));
    // An error is always followed by `close`.
    socket.on("error", () => undefined);
    socket.once("end", () => socket.end());
    socket.once("close", () => {
      if (this.#connections.get(agentId) !== connection) return;
      this.#connections.delete(agentId);
      this.#listener?.disconnected(agentId);
    });
    this.#connections.set(agentId, connection);
  }

  send(agentId: string, message: ToAgent): void {
    this.#write(agentId, { kind: "message", message }, unreadBytesMax);
  }

  play(agentId: string, call: number, sequence: number, timeUs: number, samples: Int16Array<ArrayBuffer>): void {
    this.#write(agentId, { kind: "audio", call, sequence, timeUs, samples }, behindBytesMax);
  }

  close(): void {
    for (const { socket } of this.#connections.values()) socket.destroy();
  }

  #write(agentId: string, frame: AgentFrame, bytesMax: number): void {
    const connection = this.#connections.get(agentId);
    const mode = connection?.reader.mode;
    if (connection === undefined || mode === undefined) return;
    if (connection.socket.writableLength <= bytesMax) connection.socket.write(encodeFrame(frame, mode));
    else if (frame.kind === "audio") this.#dropped += 1;
    else connection.socket.destroy();
  }

  #receive(agentId: string, connection: Connection, chunk: Buffer): void {
    const isFirst = connection.reader.mode === undefined;
    try {
      const frames = connection.reader.push(chunk);
      if (isFirst) this.#listener?.connected(agentId);
      for (const frame of frames) this.#listener?.frame(agentId, frame);
    } catch (error) {
      this.#logger.warn({ error, agent_id: agentId }, "an agent's media connection was closed after an error");
      connection.socket.destroy();
    }
  }
}
