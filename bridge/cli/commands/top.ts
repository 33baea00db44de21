import type { LogLine, Result } from "@armorclaw/protocol";
import type { CliConnection } from "../core/cli-connection.ts";
import { exitCodes } from "../core/exit-codes.ts";
import type { Invocation, Runner } from "../core/invocation.ts";
import { renderTop, sortKeys, type TopState, topRows } from "../render/top-view.ts";

const refreshMs = 1_000;
/** More than a screen can show. */
const logLines = 200;
/**
 * Uses the terminal's alternate screen, so that the previous content comes back, without a cursor and without line wrapping.
 * Each frame is drawn over the previous one and clears the rest of each line, so that the screen does not flicker.
 */
const screen = {
  enter: "\u001b[?1049h\u001b[?25l\u001b[?7l",
  leave: "\u001b[?7h\u001b[?25h\u001b[?1049l",
  frame: (text: string) => `\u001b[H${text.replaceAll("\n", "\u001b[K\r\n")}\u001b[K\u001b[J`,
};

/** `armorclaw top`: shows live what the agents use. Without a terminal it prints one reading. */
export const run: Runner = async (invocation) => {
  const { io, out, connect } = invocation;
  const top = new Top(await connect());
  await top.refresh();
  if (out.isJson || io.onKey === undefined || !io.stdout.isTTY) {
    // The processor share needs two readings.
    await elapsed(AbortSignal.timeout(refreshMs));
    await top.refresh();
    if (out.isJson) out.json(top.asJson());
    else out.text(renderTop(top.state, out.view()));
    return exitCodes.ok;
  }
  await live(top, invocation, io.onKey);
  return exitCodes.ok;
};

/** Runs until q or Ctrl-C, which do not wait for a call in progress. */
async function live(
  top: Top,
  { io, out, signal }: Invocation,
  onKey: (listener: (key: string) => void) => Disposable,
): Promise<void> {
  const quitting = new AbortController();
  const ending = AbortSignal.any([quitting.signal, signal]);
  let wake = new AbortController();
  const draw = () => io.stdout.write(screen.frame(renderTop(top.state, out.view())));
  using _keys = onKey((key) => {
    if (key === "q" || key === "\u0003") return quitting.abort();
    top.press(key, () => wake.abort());
    draw();
  });
  io.stdout.write(screen.enter);
  try {
    while (!ending.aborted) {
      draw();
      await elapsed(AbortSignal.any([AbortSignal.timeout(refreshMs), wake.signal, ending]));
      wake = new AbortController();
      if (!ending.aborted) await Promise.race([top.refresh(), elapsed(ending)]);
    }
  } finally {
    io.stdout.write(screen.leave);
  }
}

const acts = {
  p: { method: "agent.pause", doing: "pausing" },
  r: { method: "agent.resume", doing: "resuming" },
  s: { method: "agent.stop", doing: "stopping" },
} as const;

/** The state of the screen, and what the keys change in it. */
class Top {
  readonly #connection: CliConnection;
  #state: TopState = {
    agents: [],
    usage: [],
    limits: [],
    sort: "cpu",
    selected: undefined,
    logs: undefined,
    notice: "",
  };
  /** The calls that keys started, one after the other. It never rejects. */
  #acting: Promise<void> = Promise.resolve();

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
    this.#state = { ...this.#state, agents, usage, limits };
    const { selected, logs } = this.#state;
    if (!agents.some(({ agent_id }) => agent_id === selected))
      this.#state = { ...this.#state, selected: topRows(this.#state)[0]?.agent.agent_id, logs: undefined };
    else if (logs !== undefined) await this.#readLogs();
  }

  /** Changes the view at once. `onDone` is called when a call that the key started has ended. */
  press(key: string, onDone: () => void): void {
    const sort = Object.hasOwn(sortKeys, key) ? sortKeys[key as keyof typeof sortKeys] : undefined;
    if (sort !== undefined) this.#state = { ...this.#state, sort, notice: `Sorted by ${sort}` };
    if (key === "\u001b[A" || key === "k") this.#move(-1);
    if (key === "\u001b[B" || key === "j") this.#move(1);
    if (key === "l") this.#state = { ...this.#state, logs: this.#state.logs === undefined ? [] : undefined };
    // The next refresh reads the logs, so it starts now.
    if (this.#state.logs?.length === 0) onDone();
    const agent_id = this.#state.selected;
    if (agent_id === undefined || !Object.hasOwn(acts, key)) return;
    const { method, doing } = acts[key as keyof typeof acts];
    this.#state = { ...this.#state, notice: `${doing} ${agent_id} …` };
    this.#acting = this.#acting.then(() => this.#act(method, agent_id)).finally(onDone);
  }

  #move(by: number): void {
    const ids = topRows(this.#state).map(({ agent }) => agent.agent_id as string);
    const at = ids.indexOf(this.#state.selected ?? "");
    const selected = ids[Math.min(ids.length - 1, Math.max(0, at + by))];
    const logs = this.#state.logs === undefined || selected === ids[at] ? this.#state.logs : [];
    this.#state = { ...this.#state, selected, logs, notice: "" };
  }

  /** An error is shown as the notice; the table goes on. */
  async #act(method: (typeof acts)[keyof typeof acts]["method"], agent_id: string): Promise<void> {
    let notice: string;
    try {
      const { state } = (await this.#connection.call(method, { agent_id })) as { state: string };
      notice = `${agent_id} is ${state}`;
    } catch (error) {
      notice = error instanceof Error ? error.message : String(error);
    }
    this.#state = { ...this.#state, notice };
  }

  async #readLogs(): Promise<void> {
    const { selected } = this.#state;
    const params = { agent_id: selected, tail: logLines };
    const lines = (await Array.fromAsync(this.#connection.stream("agent.logs", params))) as LogLine[];
    // The person may have selected another agent meanwhile.
    const isShown = this.#state.logs !== undefined && this.#state.selected === selected;
    if (isShown) this.#state = { ...this.#state, logs: lines };
  }
}

function elapsed(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
