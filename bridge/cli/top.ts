import type { LogLine, Result } from "@armorclaw/protocol";
import type { CliConnection } from "./connection.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Invocation, Runner } from "./invocation.ts";
import { renderTop, sortKeys, type TopState, topRows } from "./top-view.ts";

const refreshMs = 1_000;
const logLines = 15;
/** The terminal's other screen, so that what was on it comes back; and no cursor on it. */
const screen = { enter: "\u001b[?1049h\u001b[?25l", leave: "\u001b[?25h\u001b[?1049l", clear: "\u001b[H\u001b[2J" };

/** `armorclaw top`: what the agents use, live, with keys; where there is no terminal, once. */
export const run: Runner = async (invocation) => {
  const { io, out, connect, signal } = invocation;
  const connection = await connect();
  const top = new Top(connection);
  await top.refresh();
  if (out.isJson || io.onKey === undefined || !io.stdout.isTTY) {
    // A processor share needs two readings.
    await elapsed(AbortSignal.timeout(refreshMs));
    await top.refresh();
    if (out.isJson) out.json(top.asJson());
    else out.text(renderTop(top.state, out.view()));
    return exitCodes.ok;
  }
  await live(top, invocation, io.onKey, signal);
  return exitCodes.ok;
};

async function live(
  top: Top,
  { io, out }: Invocation,
  onKey: (listener: (key: string) => void) => Disposable,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController();
  const pressed: string[] = [];
  let wake = new AbortController();
  using _ = onKey((key) => {
    if (key === "q" || key === "\u0003") ending.abort();
    pressed.push(key);
    wake.abort();
  });
  io.stdout.write(screen.enter);
  try {
    while (!ending.signal.aborted && !signal.aborted) {
      io.stdout.write(`${screen.clear}${renderTop(top.state, out.view())}\n`);
      await elapsed(AbortSignal.any([AbortSignal.timeout(refreshMs), wake.signal, ending.signal, signal]));
      wake = new AbortController();
      for (const key of pressed.splice(0)) await top.press(key);
      await top.refresh();
    }
  } finally {
    io.stdout.write(screen.leave);
  }
}

/** What is shown, and what the keys do to it. */
class Top {
  readonly #connection: CliConnection;
  #state: TopState = { agents: [], usage: [], limits: [], sort: "cpu", selected: undefined, logs: undefined, said: "" };

  constructor(connection: CliConnection) {
    this.#connection = connection;
  }

  get state(): TopState {
    return this.#state;
  }

  asJson(): object {
    const { agents, usage, limits } = this.#state;
    return { agents, usage, limits };
  }

  async refresh(): Promise<void> {
    const { agents } = (await this.#connection.call("agent.list", { all: false })) as Result<"agent.list">;
    const { agents: usage } = (await this.#connection.call("agent.usage", {})) as Result<"agent.usage">;
    const { limits } = (await this.#connection.call("budget.status", {})) as Result<"budget.status">;
    const known = agents.some(({ agent_id }) => agent_id === this.#state.selected);
    this.#state = { ...this.#state, agents, usage, limits };
    if (!known) this.#state = { ...this.#state, selected: topRows(this.#state)[0]?.agent.agent_id, logs: undefined };
    if (this.#state.logs !== undefined) await this.#readLogs();
  }

  async press(key: string): Promise<void> {
    const sort = Object.hasOwn(sortKeys, key) ? sortKeys[key as keyof typeof sortKeys] : undefined;
    if (sort !== undefined) this.#state = { ...this.#state, sort, said: `Sorted by ${sort}` };
    if (key === "\u001b[A" || key === "k") this.#move(-1);
    if (key === "\u001b[B" || key === "j") this.#move(1);
    if (key === "p") await this.#act("agent.pause");
    if (key === "r") await this.#act("agent.resume");
    if (key === "s") await this.#act("agent.stop");
    if (key === "l") await this.#toggleLogs();
  }

  #move(by: number): void {
    const ids = topRows(this.#state).map(({ agent }) => agent.agent_id as string);
    const at = ids.indexOf(this.#state.selected ?? "");
    const selected = ids[Math.min(ids.length - 1, Math.max(0, at + by))];
    this.#state = { ...this.#state, selected, said: "" };
  }

  /** What is refused is told in the table's own line: the table goes on. */
  async #act(method: "agent.pause" | "agent.resume" | "agent.stop"): Promise<void> {
    const agent_id = this.#state.selected;
    if (agent_id === undefined) return;
    try {
      const { state } = (await this.#connection.call(method, { agent_id })) as { state: string };
      this.#state = { ...this.#state, said: `${agent_id} is ${state}` };
    } catch (error) {
      this.#state = { ...this.#state, said: error instanceof Error ? error.message : String(error) };
    }
  }

  async #toggleLogs(): Promise<void> {
    if (this.#state.logs === undefined) await this.#readLogs();
    else this.#state = { ...this.#state, logs: undefined };
  }

  async #readLogs(): Promise<void> {
    const params = { agent_id: this.#state.selected, tail: logLines };
    const logs = await Array.fromAsync(this.#connection.stream("agent.logs", params));
    this.#state = { ...this.#state, logs: logs as LogLine[] };
  }
}

function elapsed(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
