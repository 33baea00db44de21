import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";

const script = new URL("daemon-probe.ts", import.meta.url).href;

export interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** The environment that loads the probe into a daemon. */
export const probeEnvironment = (directory: string): Record<string, string> => ({
  NODE_OPTIONS: `--import ${script}`,
  ARMORCLAW_TEST_PROBE: directory,
});

async function ask(directory: string, question: string): Promise<unknown> {
  const socket = connect(join(directory, "probe.sock")).setEncoding("utf8");
  try {
    socket.write(`${question}\n`);
    const [text] = (await once(socket, "data", { signal: AbortSignal.timeout(60_000) })) as [string];
    return JSON.parse(text);
  } finally {
    socket.destroy();
  }
}

/** The daemon's memory after a forced collection. */
export const memoryOf = (directory: string): Promise<Memory> => ask(directory, "memory") as Promise<Memory>;
/** How long the daemon's loop was held at most since the last call, in milliseconds. */
export const stallOf = (directory: string): Promise<number> => ask(directory, "stall") as Promise<number>;
/** Moves the daemon's wall clock by so much, over its restarts too. */
export const stepClock = (directory: string, ms: number): Promise<unknown> => ask(directory, `clock ${ms}`);
