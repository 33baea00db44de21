import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";

export interface BareChild extends AsyncDisposable {
  /** The time from the call that starts the child to the last byte of its hello. */
  readonly startMs: number;
}

const probeAgent = join(import.meta.dirname, "../../support/engines/engine-probe-agent.mjs");
let children = 0;

/** Runs the same program as the engines' agents, as a plain child of the same Node, up to its first message. */
export async function startBareChild(directory: string, heapMib: number): Promise<BareChild> {
  const path = join(directory, `bare-${++children}.sock`);
  const server = createServer().listen(path);
  await once(server, "listening");
  const begun = performance.now();
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMib}`, probeAgent], {
    env: { ARMORCLAW_AGENT_SOCKET: path },
    stdio: "ignore",
  });
  const [socket] = await once(server, "connection");
  await once(socket, "data");
  const startMs = performance.now() - begun;
  return {
    startMs,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await once(child, "exit");
      socket.destroy();
      server.close();
    },
  };
}
