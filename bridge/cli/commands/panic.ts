import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { exitCodes } from "../core/exit-codes.ts";
import type { Invocation, Runner } from "../core/invocation.ts";

/** The bridge answers in a fraction of this, unless its thread stands still. */
const answerMs = 1_000;
const guardMs = 5_000;
const answerBytesMax = 4_096;
/** As `bridge.panic` has it. */
const defaultReason = "asked for";
/** Beside the bridge's own socket. */
const guardSocket = "panic.sock";

const Frozen = z.object({ agents: z.int(), frozen: z.int() });

/** `armorclaw panic [REASON]`. Where the bridge does not answer at once, the guard beside it freezes the agents. */
export const panicRunner =
  (askBridge: Runner): Runner =>
  async (invocation) => {
    const asked = askBridge(invocation).then(
      (code) => ({ code }),
      (error: unknown) => ({ error }),
    );
    const wait = new AbortController();
    const late = sleep(answerMs, undefined, { signal: wait.signal }).catch(() => undefined);
    const answered = await Promise.race([asked, late]);
    wait.abort();
    if (answered === undefined && (await isTakenByGuard(invocation))) return exitCodes.ok;
    const outcome = answered ?? (await asked);
    if ("error" in outcome) throw outcome.error;
    return outcome.code;
  };

async function isTakenByGuard({ values, out, socketPaths }: Invocation): Promise<boolean> {
  for (const path of await socketPaths()) {
    const answer = await askGuard(join(dirname(path), guardSocket), String(values["reason"] ?? defaultReason));
    if (answer === undefined) continue;
    if (out.isJson) out.json({ ...answer, by: "guard" });
    else
      out.text(
        `The bridge does not answer. Its guard has frozen ${answer.frozen} of ${answer.agents} agents, and kills them unless the bridge takes the panic over within three seconds`,
      );
    return true;
  }
  return false;
}

/** @returns undefined where no guard listens or answers */
function askGuard(path: string, reason: string): Promise<z.output<typeof Frozen> | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const options = { path, signal: AbortSignal.timeout(guardMs) };
    const socket = createConnection(options, () => socket.write(`${JSON.stringify(reason)}\n`));
    socket.setEncoding("utf8");
    socket.on("data", (piece: string) => {
      text += piece;
      if (text.includes("\n") || text.length > answerBytesMax) socket.destroy();
    });
    // A socket that is not there, or does not answer in time, is no guard; what came is looked at when it closes.
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(frozenOf(text)));
  });
}

function frozenOf(text: string): z.output<typeof Frozen> | undefined {
  try {
    return Frozen.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
