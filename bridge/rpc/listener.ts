import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Service } from "../lifecycle/lifecycle.ts";
import type { Logger } from "../logging/logging.ts";
import type { NativeCalls } from "../platform/peer-credentials.ts";
import { sharedReads } from "../platform/shared-reads.ts";
import { assertSocketPathFits, isPipePath } from "../platform/socket-path.ts";
import { admit } from "./admission.ts";
import { identifyUser } from "./identity.ts";
import { lockDirectory, ownDirectory } from "./runtime-directory.ts";
import type { RpcServer } from "./server.ts";
import { type SocketServer, serveSocket } from "./socket-server.ts";

export interface ControlListenerOptions {
  /** The socket's path, or the pipe's name on Windows. */
  readonly path: string;
  readonly server: RpcServer;
  readonly native: NativeCalls | undefined;
  readonly logger: Logger;
  /**
   * `private`: the directory is made, verified and locked. `given`: it is taken as it is, for a socket in a place that is not the
   * bridge's own.
   */
  readonly directory?: "private" | "given";
}

export interface ControlListener extends Service {
  /** Peers turned away because of who they are. */
  readonly unauthenticated: number;
}

/** The bridge's own socket: people and their tools come in by it. */
export function createControlListener(options: ControlListenerOptions): ControlListener {
  return new Listener(options);
}

class Listener implements ControlListener {
  readonly name = "control socket";
  readonly #options: ControlListenerOptions;
  #unauthenticated = 0;
  #socketServer: SocketServer | undefined;
  #unlock: (() => void) | undefined;

  constructor(options: ControlListenerOptions) {
    this.#options = options;
  }

  get unauthenticated(): number {
    return this.#unauthenticated;
  }

  async start(): Promise<void> {
    const { path, directory = "private", native, server, logger } = this.#options;
    assertSocketPathFits(path);
    if (directory === "private" && !isPipePath(path)) {
      ownDirectory(dirname(path), 0o700);
      this.#unlock = lockDirectory(dirname(path), native);
    }
    try {
      if (await answers(path)) throw new BridgeError("ALREADY_RUNNING", `Another bridge answers at ${path}`, { path });
      const identify = identifyUser(native, process.getuid?.() ?? 0);
      const onRefused = () => {
        this.#unauthenticated += 1;
      };
      this.#socketServer = await serveSocket(path, (socket) => admit(socket, identify, server, logger, onRefused), {
        logger,
        reads: sharedReads(native),
      });
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** Takes no more connections; those that are there are the server's to drain. */
  async drain(): Promise<void> {
    await this.#socketServer?.close();
    this.#socketServer = undefined;
  }

  async stop(): Promise<void> {
    await this.drain();
    this.#release();
  }

  #release(): void {
    this.#unlock?.();
    this.#unlock = undefined;
  }
}

/** Whether someone serves the socket. A socket file that its server left behind refuses; one whose server is busy says `EAGAIN`. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe: Socket = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EAGAIN"));
  });
}
