import type { AgentFrame } from "@armorclaw/protocol/agent-frames";
import type { MediaEvent } from "../protocol/media-protocol.ts";
import { samplesPerFrame } from "../protocol/sample-rate.ts";
import type { AgentAudio } from "./agent-audio.ts";
import { FromAgent, type ToAgent } from "./agent-messages.ts";
import type { AudioRecorder } from "./audio-recorder.ts";
import type { CallSession } from "./call-session.ts";
import { dtmfTones } from "./dtmf.ts";
import type { Media } from "./media-client.ts";

export interface Transcript {
  readonly who: "caller" | "agent";
  readonly text: string;
  readonly isFinal: boolean;
}

export interface AudioRouterListener {
  transcript(session: CallSession, transcript: Transcript): void;
  hangUp(session: CallSession): void;
}

interface Line {
  readonly session: CallSession;
  readonly number: number;
  recorder: AudioRecorder | undefined;
  sequence: number;
}

type Part = "agent" | "stt" | "tts";

/**
 * Puts calls through to agents. The caller's sound goes to the `stt` agent where the call has one, else to the agent itself; sound is
 * taken from the `tts` agent, else from the agent itself; text goes stt → agent → tts. No agent hears or speaks in a call that
 * does not name it.
 */
export class AudioRouter {
  readonly #audio: AgentAudio;
  readonly #media: () => Media;
  readonly #listener: AudioRouterListener;
  readonly #bySession = new Map<string, Line>();
  readonly #byNumber = new Map<number, Line>();
  #numbers = 0;

  constructor(audio: AgentAudio, media: () => Media, listener: AudioRouterListener) {
    this.#audio = audio;
    this.#media = media;
    this.#listener = listener;
    audio.listen({
      connected: (agentId) => this.#introduce(agentId),
      disconnected: () => undefined,
      frame: (agentId, frame) => this.#fromAgent(agentId, frame),
    });
  }

  open(session: CallSession): void {
    const line = { session, number: ++this.#numbers, recorder: undefined, sequence: 0 };
    this.#bySession.set(session.id, line);
    this.#byNumber.set(line.number, line);
    for (const agentId of agentsOf(session)) this.#tellOfCall(agentId, line);
  }

  close(session: CallSession): void {
    const line = this.#bySession.get(session.id);
    if (line === undefined) return;
    this.#bySession.delete(session.id);
    this.#byNumber.delete(line.number);
    line.recorder?.close();
    const message: ToAgent = { type: "ended", call: line.number, reason: session.endReason ?? "error" };
    for (const agentId of agentsOf(session)) this.#audio.send(agentId, message);
  }

  record(session: CallSession, recorder: AudioRecorder): void {
    const line = this.#bySession.get(session.id);
    if (line === undefined) recorder.close();
    else line.recorder = recorder;
  }

  isRecording(session: CallSession): boolean {
    return this.#bySession.get(session.id)?.recorder !== undefined;
  }

  /** Drops what the agent has said and the caller has not heard. */
  async clear(session: CallSession, reason: "barge_in" | "asked"): Promise<void> {
    const line = this.#bySession.get(session.id);
    if (line === undefined) return;
    line.recorder?.clear();
    const { playedMs, droppedMs } = await this.#media().request(session.id, "clear", null);
    const message: ToAgent = { type: "cleared", call: line.number, reason, played_ms: playedMs, dropped_ms: droppedMs };
    for (const agentId of new Set(members(session, ["agent", "tts"]))) this.#audio.send(agentId, message);
  }

  /** What the media tells, as far as agents are concerned. */
  fromCaller(session: CallSession, event: MediaEvent): void {
    const line = this.#bySession.get(session.id);
    if (line === undefined) return;
    if (event.kind === "audio") this.#sound(line, event.samples as Int16Array<ArrayBuffer>);
    else if (event.kind === "speech") this.#speech(line, event.change, event.queuedMs);
    else if (event.kind === "digit") this.#tell(line, { type: "digit", digit: event.digit });
    else if (event.kind === "level" && event.queuedMs > 0)
      this.#tell(line, { type: "playout", queued_ms: event.queuedMs });
  }

  #sound(line: Line, samples: Int16Array<ArrayBuffer>): void {
    line.recorder?.caller(samples);
    line.sequence += 1;
    const [listener] = members(line.session, ["stt", "agent"]);
    const timeUs = line.sequence * 20_000;
    if (listener !== undefined) this.#audio.sound(listener, line.number, line.sequence, timeUs, samples);
  }

  #speech(line: Line, change: "started" | "stopped", queuedMs: number): void {
    if (change === "started") line.session.active();
    this.#tell(line, { type: "speech", change });
    if (change === "started" && queuedMs > 0 && line.session.plan.bargeIn) {
      // The call may end meanwhile; then there is nothing left to drop.
      this.clear(line.session, "barge_in").catch(() => undefined);
    }
  }

  #tell(line: Line, message: Pick<ToAgent, "type"> & Readonly<Record<string, unknown>>): void {
    for (const agentId of agentsOf(line.session)) this.#audio.send(agentId, { ...message, call: line.number });
  }

  #introduce(agentId: string): void {
    for (const line of this.#bySession.values()) {
      if (agentsOf(line.session).includes(agentId)) this.#tellOfCall(agentId, line);
    }
  }

  #tellOfCall(agentId: string, { session, number }: Line): void {
    const { sessionId, roomId, principal, rate } = session.plan;
    this.#audio.send(agentId, {
      type: "call",
      call: number,
      session_id: sessionId,
      room_id: roomId,
      caller: principal,
      parts: partsOf(session, agentId),
      rate,
      samples_per_frame: samplesPerFrame(rate),
    });
  }

  #fromAgent(agentId: string, frame: AgentFrame): void {
    if (frame.kind === "audio") {
      const line = this.#byNumber.get(frame.call);
      if (line !== undefined && members(line.session, ["tts", "agent"])[0] === agentId) this.#say(line, frame.samples);
      return;
    }
    const parsed = FromAgent.safeParse(frame.message);
    if (!parsed.success || parsed.data.type === "hello") return;
    const line = this.#byNumber.get(parsed.data.call);
    if (line !== undefined) this.#act(agentId, line, parsed.data);
  }

  #say(line: Line, samples: Int16Array<ArrayBuffer>): void {
    const { session } = line;
    session.active();
    const size = samplesPerFrame(session.plan.rate);
    // Agents may send several frames as one; what is left over is filled up with silence.
    for (let at = 0; at < samples.length; at += size) {
      const part = new Int16Array(size);
      part.set(samples.subarray(at, at + size));
      line.recorder?.agent(part);
      this.#media().play(session.id, part);
    }
  }

  #act(agentId: string, line: Line, message: Exclude<FromAgent, { type: "hello" }>): void {
    const { session, number } = line;
    const parts = partsOf(session, agentId);
    if (parts.length === 0) return;
    if (message.type === "hang_up") this.#listener.hangUp(session);
    // The call may end meanwhile; then there is nothing left to drop.
    else if (message.type === "clear") this.clear(session, "asked").catch(() => undefined);
    else if (message.type === "press" && parts.includes("agent"))
      this.#say(line, dtmfTones(message.digits, session.plan.rate));
    else if (message.type === "say" && parts.includes("agent")) {
      this.#listener.transcript(session, { who: "agent", text: message.text, isFinal: true });
      for (const tts of members(session, ["tts"]))
        this.#audio.send(tts, { type: "say", call: number, text: message.text });
    } else if (message.type === "transcript" && (parts.includes("stt") || session.plan.sttAgentId === undefined)) {
      this.#listener.transcript(session, { who: "caller", text: message.text, isFinal: message.is_final });
      const heard: ToAgent = { type: "heard", call: number, text: message.text, is_final: message.is_final };
      if (parts.includes("stt")) for (const agent of members(session, ["agent"])) this.#audio.send(agent, heard);
    }
  }
}

const idOf = ({ plan }: CallSession, part: Part): string | undefined =>
  ({ agent: plan.agentId, stt: plan.sttAgentId, tts: plan.ttsAgentId })[part];

/** The agents in these parts, in this order, leaving out parts that no one has. */
const members = (session: CallSession, parts: readonly Part[]): string[] =>
  parts.flatMap((part) => idOf(session, part) ?? []);

const agentsOf = (session: CallSession): string[] => [...new Set(members(session, ["agent", "stt", "tts"]))];

const partsOf = (session: CallSession, agentId: string): Part[] =>
  (["agent", "stt", "tts"] as const).filter((part) => idOf(session, part) === agentId);
