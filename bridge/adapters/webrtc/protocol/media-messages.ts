import type { JitterBufferStats } from "../media/jitter-buffer.ts";
import type { Silence } from "../media/silence-watch.ts";
import type { IceCandidate, TransportOptions, TransportState, TransportStats } from "../media/transport.ts";
import type { SampleRate } from "./sample-rate.ts";

/** What one call's media tells. */
export type MediaEvent =
  | { readonly kind: "candidate"; readonly candidate: IceCandidate | null }
  | { readonly kind: "state"; readonly state: TransportState }
  | { readonly kind: "silence"; readonly silence: Silence }
  | { readonly kind: "audio"; readonly samples: Int16Array }
  | { readonly kind: "speech"; readonly change: "started" | "stopped"; readonly queuedMs: number }
  | { readonly kind: "level"; readonly callerDb: number; readonly agentDb: number; readonly queuedMs: number }
  | { readonly kind: "digit"; readonly digit: string };

export interface MediaStats extends TransportStats, JitterBufferStats {
  readonly outgoingQueuedMs: number;
  readonly outgoingDropped: number;
  readonly tickLagMaxMs: number;
}

/** What the media thread does when it is asked, and answers. */
export interface MediaRequests {
  readonly open: { readonly params: { readonly rate: SampleRate; readonly relayOnly: boolean }; readonly result: null };
  readonly answer: { readonly params: { readonly sdp: string }; readonly result: string };
  readonly candidate: { readonly params: { readonly candidate: string }; readonly result: boolean };
  readonly clear: { readonly params: null; readonly result: { readonly playedMs: number; readonly droppedMs: number } };
  readonly set: {
    readonly params: { readonly held?: boolean | undefined; readonly muted?: boolean | undefined };
    readonly result: null;
  };
  readonly stats: { readonly params: null; readonly result: MediaStats };
  readonly close: { readonly params: null; readonly result: null };
}
export type MediaRequestName = keyof MediaRequests;

/** To the media thread. Samples are not answered. */
export type ToMedia =
  | {
      readonly kind: "request";
      readonly id: number;
      readonly call: string;
      readonly name: MediaRequestName;
      readonly params: unknown;
    }
  | { readonly kind: "say"; readonly call: string; readonly samples: Int16Array };

/** `refused`: the caller's doing. `exhausted`: no port is free. `gone`: there is no such call. `failed`: a bug. */
export interface MediaFailure {
  readonly code: "refused" | "exhausted" | "gone" | "failed";
  readonly message: string;
}

/** From the media thread. */
export type FromMedia =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly failure: MediaFailure }
  | { readonly kind: "event"; readonly call: string; readonly event: MediaEvent };

/** What the media thread is started with: all calls have it in common. */
export type MediaSettings = Omit<TransportOptions, "relayOnly">;
