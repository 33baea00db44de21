import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, createServer as createSocketServer } from "node:net";
import { join } from "node:path";
import { type AgentFrame, encodeFrame, FrameReader } from "@armorclaw/protocol/agent-frames";
import {
  AgentAudio,
  CallPage,
  CallRecords,
  type CallReservations,
  Calls,
  type CallsSettings,
  type StartRequest,
  webrtcMigrations,
} from "../../../bridge/adapters/webrtc/index.ts";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { systemClock, timestamp } from "../../../bridge/platform/clock.ts";
import { Store } from "../../../bridge/store/index.ts";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";
import { joined, loopback, sine, toneShare } from "./voice.ts";

export const admin = { id: "user:0", role: "admin" } as const;

export const plainCall: StartRequest = {
  roomId: "!voice:example.org",
  userId: undefined,
  agentId: "helper-1",
  sttAgentId: undefined,
  ttsAgentId: undefined,
  rate: 16_000,
  relayOnly: false,
  bargeIn: true,
  recordingWanted: false,
  maxDurationMs: undefined,
  tokenTtlMs: undefined,
};

/** An agent on its media connection. */
export interface FakeAgent {
  readonly frames: AgentFrame[];
  send(frame: AgentFrame): void;
  /** The audio that the agent received for a call. */
  heard(): Int16Array<ArrayBuffer>;
  messages(type: string): Record<string, unknown>[];
}

export interface VoiceBridge extends AsyncDisposable {
  readonly calls: Calls;
  readonly audio: AgentAudio;
  readonly site: CallPage;
  readonly origin: string;
  readonly charged: number[];
  /** The directory of recordings. */
  readonly recordings: string;
  /** The path of an agent's media socket. */
  listenFor(agentId: string): Promise<string>;
  agent(agentId: string, mode?: "binary" | "json"): Promise<FakeAgent>;
}

export interface VoiceBridgeOptions {
  readonly settings?: Partial<CallsSettings>;
  readonly reservations?: CallReservations;
  readonly mayCall?: (principal: string, room: string) => boolean;
}

let nextPorts = 43_000;

export const voiceSettings = (directory: string): CallsSettings => {
  nextPorts = nextPorts >= 48_000 ? 43_000 : nextPorts + 40;
  return {
    media: { ...loopback, portRange: [nextPorts, nextPorts + 39] },
    limits: { concurrentMax: 10, concurrentPerPrincipalMax: 10, perHourPerPrincipalMax: 1_000 },
    turn: { urls: [], secret: undefined, ttlMs: 60_000 },
    tokenTtlMs: 60_000,
    maxDurationMs: 600_000,
    setupMs: 15_000,
    graceMs: 20_000,
    idleMs: 300_000,
    recordingsDirectory: join(directory, "recordings"),
  };
};

/** Calls with the real store, the real media thread, a real HTTP server, and agents on real sockets. */
export async function startVoiceBridge(options: VoiceBridgeOptions = {}): Promise<VoiceBridge> {
  const stack = new AsyncDisposableStack();
  const temp = stack.use(tempDirectory());
  const clock = systemClock;
  const store = stack.use(new Store(join(temp.path, "store.db"), webrtcMigrations, timestamp(clock)));
  const audio = new AgentAudio(silentLogger);
  const charged: number[] = [];
  const calls = new Calls(
    {
      clock,
      audio,
      records: new CallRecords(store, clock, () => undefined),
      rooms: { mayCall: async ({ id }, room) => options.mayCall?.(id, room) ?? true },
      reservations: options.reservations ?? {
        reserve: async (_, ms) => ({ ms, settle: async (ms) => void charged.push(ms) }),
      },
      logger: silentLogger,
      onState: () => undefined,
      onTranscript: () => undefined,
    },
    { ...voiceSettings(temp.path), ...options.settings },
  );
  await calls.start();
  stack.defer(() => calls.stop());
  const site = new CallPage({ calls, clock, origins: [] });
  const server = createServer((request, response) => site.request(request, response));
  server.on("upgrade", (request, socket, head) => site.upgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stack.defer(async () => {
    site.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const listenFor = async (agentId: string) => {
    const path = join(temp.path, `${agentId}.sock`);
    const socketServer = createSocketServer({ allowHalfOpen: true }, (socket) => audio.attach(agentId, socket));
    await new Promise<void>((resolve) => socketServer.listen(path, resolve));
    stack.defer(() => void socketServer.close());
    return path;
  };
  return {
    calls,
    audio,
    site,
    charged,
    recordings: join(temp.path, "recordings"),
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    listenFor,
    agent: async (agentId, mode = "binary") =>
      await connectAgent(agentId, mode, audio, await listenFor(agentId), stack),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function connectAgent(
  agentId: string,
  mode: "binary" | "json",
  audio: AgentAudio,
  path: string,
  stack: AsyncDisposableStack,
): Promise<FakeAgent> {
  const socket = connect(path);
  stack.defer(() => void socket.destroy());
  const reader = new FrameReader();
  const frames: AgentFrame[] = [];
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => frames.push(...reader.push(chunk)));
  const send = (frame: AgentFrame) => void socket.write(encodeFrame(frame, mode));
  send({ kind: "message", message: { type: "hello" } });
  await until("the agent's connection", () => audio.isConnected(agentId));
  return {
    frames,
    send,
    heard: () => joined(frames.flatMap((frame) => (frame.kind === "audio" ? [frame.samples] : []))),
    messages: (type) =>
      frames.flatMap((frame) => (frame.kind === "message" && frame.message.type === type ? [frame.message] : [])),
  };
}

/** The agent plays a tone for a number of seconds. */
export function agentPlays(agent: FakeAgent, hertz: number, seconds: number): void {
  const call = Number(agent.messages("call").at(-1)?.["call"]);
  for (let at = 0; at < seconds * 50; at += 1) {
    const samples = sine(hertz, 16_000, 20, at * 20);
    agent.send({ kind: "audio", call, sequence: at, timeUs: at * 20_000, samples });
  }
}

/** Waits until the agent has received this tone, undistorted, for half a second. */
export const agentHears = (agent: FakeAgent, hertz: number) =>
  until(`${hertz} Hz at the agent`, () => {
    const heard = agent.heard().slice(-8_000);
    return heard.length === 8_000 && toneShare(heard, hertz, 16_000) > 0.9;
  });
