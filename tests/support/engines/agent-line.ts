import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TestDaemon } from "../daemon.ts";
import { insideAgent } from "./inside-agent.ts";

export interface AgentAnswer {
  readonly result?: Record<string, unknown>;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: { readonly code: string; readonly details?: Record<string, unknown> };
  };
  /** The items that were streamed before the answer. */
  readonly items: readonly unknown[];
}

type Line = Omit<AgentAnswer, "items"> & {
  readonly id?: number;
  readonly params?: { readonly id: number; readonly item: unknown };
};

const deadlineMs = 30_000;

/** Calls as an agent, on its own socket, from inside its container: the socket answers no other process. */
export async function asAgent(
  daemon: TestDaemon,
  agentId: string,
  requests: readonly { readonly method: string; readonly params?: object }[],
): Promise<AgentAnswer[]> {
  const { pid } = await daemon.client.agent.get({ agent_id: agentId });
  if (pid === null) throw new Error(`${agentId} does not run`);
  const script = `const s=require("node:net").connect("/run/bridge/agent.sock");process.stdin.pipe(s);s.pipe(process.stdout)`;
  const { command, args } = insideAgent(pid, ["/bin/node", "-e", script]);
  const child = spawn(command, args, {
    timeout: deadlineMs,
    stdio: ["pipe", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  child.stdin.end(requests.map((request, id) => `${JSON.stringify({ jsonrpc: "2.0", id, ...request })}\n`).join(""));
  await once(child, "close");
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
  const answers = lines.flatMap(({ id, params: _, ...answer }) => {
    if (id === undefined) return [];
    return [{ ...answer, id, items: lines.flatMap(({ params }) => (params?.id === id ? [params.item] : [])) }];
  });
  if (answers.length !== requests.length) throw new Error(`${answers.length} of ${requests.length} answers: ${text}`);
  return answers.sort((a, b) => a.id - b.id);
}

/** Makes one call as an agent. */
export async function agentCall(
  daemon: TestDaemon,
  agentId: string,
  method: string,
  params: object = {},
): Promise<AgentAnswer> {
  const [answer] = await asAgent(daemon, agentId, [{ method, params }]);
  if (answer === undefined) throw new Error(`${method} was not answered`);
  return answer;
}
