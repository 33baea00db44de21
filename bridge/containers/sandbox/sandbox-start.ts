import type { ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { BridgeError } from "@armorclaw/protocol";
import { messageOf } from "../engine-options.ts";
import type { AgentOutput } from "../process/output.ts";
import { descriptors } from "./sandbox-launch.ts";

export const installHint = "install it with `apt-get install bubblewrap perl-base`";

/** Bubblewrap says on its information descriptor which process became the agent. */
export function agentPid(child: ChildProcess, output: AgentOutput, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const status = child.stdio[descriptors.info] as Readable;
    let text = "";
    const fail = (why: string, cause?: unknown) => {
      signal.removeEventListener("abort", onAbort);
      reject(new BridgeError("AGENT_START_FAILED", `The sandbox did not start: ${why}`, undefined, { cause }));
    };
    const onAbort = () => {
      child.kill("SIGKILL");
      fail(messageOf(signal.reason), signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    child.once("error", (error: NodeJS.ErrnoException) =>
      fail(error.code === "ENOENT" ? `${error.path} is not installed; ${installHint}` : error.message, error),
    );
    child.once("close", (code) => fail(output.lastLine?.line ?? `the launcher ended with exit code ${code}`));
    status.on("error", () => status.destroy());
    status.setEncoding("utf8").on("data", (part: string) => {
      if (text.length < 4096) text += part;
      const pid = /"child-pid": (\d+)/.exec(text)?.[1];
      if (pid === undefined) return;
      signal.removeEventListener("abort", onAbort);
      resolve(Number(pid));
    });
  });
}

/** Bubblewrap ends with 1 and a line of its own when it cannot set up what was asked for. */
export function startFailure(child: ChildProcess, output: AgentOutput): { startFailure?: string } {
  const line = output.lastLine?.line ?? "";
  return child.exitCode === 1 && line.startsWith("bwrap: ") ? { startFailure: line } : {};
}
