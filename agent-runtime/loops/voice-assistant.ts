import type { Result } from "@armorclaw/protocol";
import { asCallMessage } from "../voice/call-messages.ts";
import { openMedia } from "../voice/media-connection.ts";
import type { Loop, LoopContext } from "./loop.ts";

const farewell = "good bye";
const numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** Answers callers' questions. It changes nothing, because a voice does not prove who speaks. */
export function createLoop(): Loop {
  return {
    async start(context) {
      /** Calls whose caller said good bye once. */
      const leaving = new Set<number>();
      const media = openMedia(
        context.mediaSocketPath,
        context.signal,
        (frame) => {
          const message = frame.kind === "message" ? asCallMessage(frame.message) : undefined;
          if (message?.type === "ended") leaving.delete(message.call);
          if (message?.type !== "transcript") return;
          const { call, text } = message;
          answerTo(text, context).then(
            (answer) => media.message(replyOf(call, answer, leaving)),
            (error: unknown) => {
              context.log(`a caller was not answered: ${error}`);
              media.message({ type: "say", call, text: "i cannot find that out now" });
            },
          );
        },
        context.log,
        ["stt", "tts"],
      );
    },
    async tick() {
      // This loop acts on callers' questions only.
    },
  };
}

/** A farewell ends the call when it is said twice in a row: other words may have been mistaken for it. */
function replyOf(call: number, answer: string | undefined, leaving: Set<number>) {
  if (answer !== undefined) leaving.delete(call);
  else if (leaving.delete(call)) return { type: "hang_up", call };
  else leaving.add(call);
  return { type: "say", call, text: answer ?? "say good bye again, and i hang up" };
}

/** The problems that are said in one answer. The others are counted. */
const problemsMax = 2;

/** The answer to a question. Undefined to hang up. */
export async function answerTo(text: string, { call }: Pick<LoopContext, "call">): Promise<string | undefined> {
  if (text.trim() === farewell) return undefined;
  if (text.includes("status")) return statusAnswer((await call("system.info", {})).health);
  if (text.includes("approve") || text.includes("cancel"))
    return "i cannot approve or cancel anything in a call. please answer requests in the room";
  if (!text.includes("agents")) return "please say that again";
  const { agents_running: running } = (await call("system.info", {})).health;
  return `${numbers[running] ?? running} ${running === 1 ? "agent is" : "agents are"} running`;
}

function statusAnswer({ status, problems }: Result<"system.info">["health"]): string {
  if (status === "ok") return "all systems are running";
  const said = problems.slice(0, problemsMax).join(". ");
  const more = problems.length - problemsMax;
  return `not all systems are running. ${said}${more > 0 ? `. and ${more} more problems` : ""}`;
}
