import type { Loop, LoopContext } from "../loop.ts";
import { asCallMessage } from "../voice/call-messages.ts";
import { openMedia } from "../voice/media-connection.ts";

const numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** Answers callers' questions. It changes nothing, because a voice does not prove who speaks. */
export function createLoop(): Loop {
  return {
    async start(context) {
      const media = openMedia(
        context.mediaSocketPath,
        context.signal,
        (frame) => {
          const message = frame.kind === "message" ? asCallMessage(frame.message) : undefined;
          if (message?.type !== "transcript") return;
          const { call, text } = message;
          answerTo(text, context).then(
            (answer) =>
              media.message(answer === undefined ? { type: "hang_up", call } : { type: "say", call, text: answer }),
            (error: unknown) => context.log(`a caller was not answered: ${error}`),
          );
        },
        context.log,
      );
    },
    async tick() {
      // This loop acts on callers' questions only.
    },
  };
}

/** The answer to a question. Undefined to hang up. */
export async function answerTo(text: string, { call }: Pick<LoopContext, "call">): Promise<string | undefined> {
  if (text.includes("good bye")) return undefined;
  if (text.includes("status")) return "all systems are running";
  if (text.includes("approve") || text.includes("cancel")) return "the deployment needs your approval in the room";
  if (!text.includes("agents")) return "please say that again";
  const { agents } = await call("system.info", {});
  return `${numbers[agents.length] ?? "many"} agents are running`;
}
