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

interface Route {
  readonly session: CallSession;
  readonly number: number;
  recorder: AudioRecorder | undefined;
  sequence: number;
}

type Part = "agent" | "stt" | "tts";

/**
 * Routes audio and text between calls and agents. The caller's audio goes to the `stt` agent of the call, or to the agent itself where
 * the call has none. The caller gets the audio of the `tts` agent, or else of the agent itself. Text goes stt → agent → tts. An agent
 * takes part only in calls that name it.
 */
export class AudioRouter {
  readonly #audio: AgentAudio;
  readonly #media: () => Media;
  readonly #listener: AudioRouterListener;
  readonly #bySession = new Map<string, Route>();
  readonly #byNumber = new Map<number, Route>();
  #numbers = 0;

  constructor(audio: AgentAudio, media: () => Media, listener: AudioRouterListener) {
    this.#audio = audio;
    this.#media = media;
    this.#listener = listener;
    audio.listen({
      connected: (agentId) => this.#announceCalls(agentId),
      disconnected: () => undefined,
      frame: (agentId, frame) => this.#fromAgent(agentId, frame),
    });
  }

  open(session: CallSession): void {
    const route = { session, number: ++this.#numbers, recorder: undefined, sequence: 0 };
    this.#bySession.set(session.id, route);
    this.#byNumber.set(route.number, route);
    for (const agentId of agentsOf(session)) this.#announceCall(agentId, route);
  }

  close(session: CallSession): void {
    const route = this.#bySession.get(session.id);
    if (route === undefined) return;
    this.#bySession.delete(session.id);
    this.#byNumber.delete(route.number);
    route.recorder?.close();
    const message: ToAgent = { type: "ended", call: route.number, reason: session.endReason ?? "error" };
    for (const agentId of agentsOf(session)) this.#audio.send(agentId, message);
  }

  record(session: CallSession, recorder: AudioRecorder): void {
    const route = this.#bySession.get(session.id);
    if (route === undefined) recorder.close();
    else route.recorder = recorder;
  }

  isRecording(session: CallSession): boolean {
    return this.#bySession.get(session.id)?.recorder !== undefined;
  }

  /** Drops the agent's audio that was not played to the caller yet. */
  async clear(session: CallSession, reason: "barge_in" | "asked"): Promise<void> {
    const route = this.#bySession.get(session.id);
    if (route === undefined) return;
    route.recorder?.clear();
    const { playedMs, droppedMs } = await this.#media().request(session.id, "clear", null);
    const message: ToAgent = {
      type: "cleared",
      call: route.number,
      reason,
      played_ms: playedMs,
      dropped_ms: droppedMs,
    };
    for (const agentId of new Set(members(session, ["agent", "tts"]))) this.#audio.send(agentId, message);
  }

  /** Passes media events on to the agents of the call. */
  fromCaller(session: CallSession, event: MediaEvent): void {
    const route = this.#bySession.get(session.id);
    if (route === undefined) return;
    if (event.kind === "audio") this.#forward(route, event.samples as Int16Array<ArrayBuffer>);
    else if (event.kind === "speech") this.#speech(route, event.change, event.queuedMs);
    else if (event.kind === "digit") this.#notify(route, { type: "digit", digit: event.digit });
    else if (event.kind === "level" && event.queuedMs > 0)
      this.#notify(route, { type: "playout", queued_ms: event.queuedMs });
  }

  #forward(route: Route, samples: Int16Array<ArrayBuffer>): void {
    route.recorder?.caller(samples);
    route.sequence += 1;
    const [listener] = members(route.session, ["stt", "agent"]);
    const timeUs = route.sequence * 20_000;
    if (listener !== undefined) this.#audio.play(listener, route.number, route.sequence, timeUs, samples);
  }

  #speech(route: Route, change: "started" | "stopped", queuedMs: number): void {
    if (change === "started") route.session.active();
    this.#notify(route, { type: "speech", change });
    if (change === "started" && queuedMs > 0 && route.session.plan.bargeIn) {
      // The call may end meanwhile. Then nothing is left to drop.
      this.clear(route.session, "barge_in").catch(() => undefined);
    }
  }

  #notify(route: Route, message: Pick<ToAgent, "type"> & Readonly<Record<string, unknown>>): void {
    for (const agentId of agentsOf(route.session)) this.#audio.send(agentId, { ...message, call: route.number });
  }

  #announceCalls(agentId: string): void {
    for (const route of this.#bySession.values()) {
      if (agentsOf(route.session).includes(agentId)) this.#announceCall(agentId, route);
    }
  }

  #announceCall(agentId: string, { session, number }: Route): void {
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
      const route = this.#byNumber.get(frame.call);
      if (route !== undefined && members(route.session, ["tts", "agent"])[0] === agentId)
        this.#play(route, frame.samples);
      return;
    }
    const parsed = FromAgent.safeParse(frame.message);
    if (!parsed.success) return;
    if (parsed.data.type === "hello") {
      this.#audio.noteNeeds(agentId, parsed.data.needs ?? []);
      return;
    }
    const route = this.#byNumber.get(parsed.data.call);
    if (route !== undefined) this.#act(agentId, route, parsed.data);
  }

  #play(route: Route, samples: Int16Array<ArrayBuffer>): void {
    const { session } = route;
    session.active();
    const size = samplesPerFrame(session.plan.rate);
    // Agents may send several frames as one. The last frame is padded with silence.
    for (let at = 0; at < samples.length; at += size) {
      const part = new Int16Array(size);
      part.set(samples.subarray(at, at + size));
      route.recorder?.agent(part);
      this.#media().play(session.id, part);
    }
  }

  #act(agentId: string, route: Route, message: Exclude<FromAgent, { type: "hello" }>): void {
    const { session, number } = route;
    const parts = partsOf(session, agentId);
    if (parts.length === 0) return;
    if (message.type === "hang_up") this.#listener.hangUp(session);
    // The call may end meanwhile. Then nothing is left to drop.
    else if (message.type === "clear") this.clear(session, "asked").catch(() => undefined);
    else if (message.type === "press" && parts.includes("agent"))
      this.#play(route, dtmfTones(message.digits, session.plan.rate));
    else if (message.type === "say" && parts.includes("agent")) {
      this.#listener.transcript(session, { who: "agent", text: message.text, isFinal: true });
      for (const tts of members(session, ["tts"]))
        this.#audio.send(tts, { type: "say", call: number, text: message.text });
    } else if (message.type === "transcript" && (parts.includes("stt") || session.plan.sttAgentId === undefined)) {
      this.#listener.transcript(session, { who: "caller", text: message.text, isFinal: message.is_final });
      const { text, is_final: isFinal } = message;
      const transcript: ToAgent = { type: "transcript", call: number, text, is_final: isFinal };
      if (parts.includes("stt")) for (const agent of members(session, ["agent"])) this.#audio.send(agent, transcript);
    }
  }
}

const idOf = ({ plan }: CallSession, part: Part): string | undefined =>
  ({ agent: plan.agentId, stt: plan.sttAgentId, tts: plan.ttsAgentId })[part];

/** The agents with these parts of the call, in this order. */
const members = (session: CallSession, parts: readonly Part[]): string[] =>
  parts.flatMap((part) => idOf(session, part) ?? []);

const agentsOf = (session: CallSession): string[] => [...new Set(members(session, ["agent", "stt", "tts"]))];

const partsOf = (session: CallSession, agentId: string): Part[] =>
  (["agent", "stt", "tts"] as const).filter((part) => idOf(session, part) === agentId);
