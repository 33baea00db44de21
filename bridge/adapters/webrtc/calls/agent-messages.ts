import * as z from "zod";

const textCharsMax = 4_000;
/** Five seconds of tones. */
const keysMax = 25;

const call = z.int();

/** The messages that an agent may send on its media connection. */
export const FromAgent = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    needs: z
      .array(z.enum(["stt", "tts"]))
      .max(2)
      .optional(),
  }),
  z.object({
    type: z.literal("transcript"),
    call,
    text: z.string().max(textCharsMax),
    is_final: z.boolean().default(true),
  }),
  z.object({ type: z.literal("say"), call, text: z.string().min(1).max(textCharsMax) }),
  z.object({ type: z.literal("press"), call, digits: z.string().regex(new RegExp(`^[0-9A-D*#]{1,${keysMax}}$`)) }),
  z.object({ type: z.literal("clear"), call }),
  z.object({ type: z.literal("hang_up"), call }),
]);
export type FromAgent = z.output<typeof FromAgent>;

/** The types of the bridge's messages on an agent's media connection. */
export const toAgentTypes = ["call", "speech", "digit", "playout", "transcript", "say", "cleared", "ended"] as const;

/** A message to an agent about one call. */
export interface ToAgent {
  readonly [field: string]: unknown;
  readonly type: (typeof toAgentTypes)[number];
  readonly call: number;
}
