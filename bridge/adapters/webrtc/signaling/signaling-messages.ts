import * as z from "zod";

/** The WebSocket subprotocol that browsers ask for. */
export const signalingProtocol = "bridge.rtc.v1";

const candidate = z.strictObject({
  candidate: z.string().max(512),
  sdpMid: z.string().max(16).nullish(),
  sdpMLineIndex: z.int().min(0).max(16).nullish(),
  usernameFragment: z.string().max(256).nullish(),
});

/** What a caller may send, by method. */
export const signalingMethods = {
  "rtc.hello": z.union([
    z.strictObject({ token: z.string().max(1024) }),
    z.strictObject({ resume_token: z.string().max(1024), has_media: z.boolean().default(false) }),
  ]),
  "rtc.offer": z.strictObject({ sdp: z.string().max(40_000), is_fresh: z.boolean().default(false) }),
  "rtc.candidates": z.strictObject({ candidates: z.array(candidate).max(64) }),
  "rtc.mute": z.strictObject({ muted: z.boolean() }),
  "rtc.hold": z.strictObject({ held: z.boolean() }),
  "rtc.consent": z.strictObject({ recording: z.literal(true) }),
  "rtc.stats": z.strictObject({}),
  "rtc.end": z.strictObject({}),
} as const;

export type SignalingMethod = keyof typeof signalingMethods;

export const SignalingRequest = z.object({
  jsonrpc: z.literal("2.0"),
  id: z.union([z.string().max(64), z.int()]),
  method: z.string().max(40),
  params: z.unknown().default({}),
});

/** From the bridge to the caller, without an answer. */
export const signalingNotices = [
  "rtc.candidates",
  "rtc.state",
  "rtc.transcript",
  "rtc.level",
  "rtc.recording",
  "rtc.restart",
  "rtc.goodbye",
] as const;
export type SignalingNotice = (typeof signalingNotices)[number];
