import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Figures } from "./loads.ts";
import type { PeerName } from "./peers.ts";
import { type Placement, startOn } from "./placement.ts";

export interface Cell {
  readonly peer: PeerName;
  readonly load: string;
  readonly placement: Placement;
}

/** Every server is started as `npm start` starts the bridge: a small young generation costs no speed and saves 40 MiB. */
const serverFlags = ["--max-semi-space-size=2"];
/** The longest time of a cell beyond its own duration. */
const overheadMs = 20_000;

/**
 * Runs one load against one peer, each in a fresh process.
 * @param directory the directory of the programs and the socket
 */
export async function runCell(directory: string, cell: Cell, durationMs: number): Promise<Figures | undefined> {
  const path = join(directory, `${process.pid}.sock`);
  const start = (end: "server" | "client", args: readonly string[], flags: readonly string[] = []) => {
    const { execPath, execArgv } = startOn(cell.placement, end);
    const stdio = ["ignore", "inherit", "inherit", "ipc"] as const;
    return fork(join(directory, `${end}.js`), [...args], {
      stdio: [...stdio],
      execPath,
      execArgv: [...execArgv, ...flags],
    });
  };
  const server = start("server", [cell.peer, path], serverFlags);
  const children: ChildProcess[] = [server];
  try {
    await messageOf(server);
    const client = start("client", [cell.peer, path, cell.load, String(durationMs)]);
    children.push(client);
    const signal = AbortSignal.timeout(durationMs + overheadMs);
    for (;;) {
      const message = await messageOf(client, signal);
      if (message !== "usage") return (message as { figures: Figures | null }).figures ?? undefined;
      server.send("usage");
      client.send((await messageOf(server, signal)) as object);
    }
  } finally {
    for (const child of children) await end(child);
    rmSync(path, { force: true });
  }
}

async function messageOf(child: ChildProcess, signal?: AbortSignal): Promise<unknown> {
  const gone = new AbortController();
  const onExit = () => gone.abort(new Error("The process ended before it had answered"));
  child.once("exit", onExit);
  try {
    const any = signal === undefined ? gone.signal : AbortSignal.any([signal, gone.signal]);
    const [message] = await once(child, "message", { signal: any });
    return message;
  } finally {
    child.off("exit", onExit);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}
