import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import type { Duplex } from "node:stream";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Logger } from "../../logging/index.ts";
import { sharedReads } from "../../patches/node/shared-reads.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { NativeCalls } from "../../platform/os/peer-credentials.ts";
import { claimPipe } from "../../platform/os/pipe-claim.ts";
import { readSealKey } from "../../platform/os/seal-key.ts";
import { assertSocketPathFits, isPipePath } from "../../platform/os/socket-path.ts";
import type { Service } from "../ports/service.ts";
import type { RpcServer } from "../server/server.ts";
import { admit } from "./admission.ts";
import { firstMessageBytesMax } from "./first-message.ts";
import { identifyUser, ownUser } from "./identity.ts";
import { lockDirectory, ownDirectory } from "./runtime-directory.ts";
import { socketSealing } from "./sealed-socket.ts";
import { type SocketServer, type SocketServerOptions, serveSocket } from "./socket-server.ts";
import { createTokenAdmission } from "./token-admission.ts";

const fileCheckMs = 2_000;

export interface ControlListenerOptions {
  /** The socket's path, or the pipe's name on Windows. */
  readonly path: string;
  readonly server: RpcServer;
  readonly native: NativeCalls | undefined;
  readonly logger: Logger;
  /** With a clock, the listener checks every few seconds whether its socket still has a file, and creates it again when not. */
  readonly clock?: Clock;
  /**
   * `private`: the directory is made, verified and locked; a pipe is locked and asks for the token that is kept in the user's profile.
   * `given`: the place is taken as it is, for a socket that is not the bridge's own.
   */
  readonly directory?: "private" | "given";
  /** With a key file the socket takes sealed lines alone. */
  readonly sealing?: { readonly keyFile: string | undefined; readonly messageBytesMax: number };
}

export interface ControlListener extends Service {
  /** Peers turned away because of who they are. */
  readonly unauthenticated: number;
}

/** The bridge's own socket: people and their tools come in by it. */
export function createControlListener(options: ControlListenerOptions): ControlListener {
  return new Listener(options);
}

/** What lets a peer in, and how it is read from. */
interface Entrance {
  enter(socket: Socket): void;
  readonly reads: SocketServerOptions["reads"];
}

class Listener implements ControlListener {
  readonly name = "control socket";
  readonly #options: ControlListenerOptions;
  #unauthenticated = 0;
  #socketServer: SocketServer | undefined;
  #unlock: (() => void) | undefined;
  #fileCheck: Timer | undefined;

  constructor(options: ControlListenerOptions) {
    this.#options = options;
  }

  get unauthenticated(): number {
    return this.#unauthenticated;
  }

  async start(): Promise<void> {
    const { path, logger } = this.#options;
    assertSocketPathFits(path);
    const { enter, reads } = this.#takePlace();
    try {
      if (await answers(path)) throw new BridgeError("ALREADY_RUNNING", `Another bridge answers at ${path}`, { path });
      this.#socketServer = await serveSocket(path, enter, { logger, reads });
      this.#fileCheck = this.#options.clock?.every(fileCheckMs, () => void this.#restoreFile(enter, reads));
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** Serves a socket whose file was removed under its name again. Open connections do not notice. */
  async #restoreFile(enter: Entrance["enter"], reads: Entrance["reads"]): Promise<void> {
    const { path, directory = "private", logger } = this.#options;
    const lost = this.#socketServer;
    if (lost === undefined || lost.hasFile()) return;
    this.#socketServer = undefined;
    await lost.close();
    try {
      if (directory === "private") ownDirectory(dirname(path), 0o700);
      this.#socketServer = await serveSocket(path, enter, { logger, reads });
      logger.warn({ path }, "The control socket's file was removed; the bridge created it again");
    } catch (error) {
      // The next check tries again, and finds no file.
      this.#socketServer = lost;
      logger.error({ path, error }, "The control socket's file was removed and cannot be created again");
    }
  }

  /** Makes the place this bridge's alone. */
  #takePlace(): Entrance {
    const { path, directory = "private", native, server, logger } = this.#options;
    const ownUid = process.getuid?.() ?? 0;
    const onRefused = () => {
      this.#unauthenticated += 1;
    };
    const isPipe = directory === "private" && isPipePath(path);
    // First, since a key that cannot be used is to leave nothing behind.
    const lines = this.#linesOf(isPipe ? firstMessageBytesMax : undefined, onRefused);
    if (isPipe) {
      const claim = claimPipe(path);
      const principal = ownUser(ownUid);
      const admission = createTokenAdmission({ token: claim.token, principal, server, logger, lines, onRefused });
      this.#unlock = () => {
        admission.close();
        claim.release();
      };
      return { enter: admission.admit, reads: undefined };
    }
    if (directory === "private") {
      ownDirectory(dirname(path), 0o700);
      this.#unlock = lockDirectory(dirname(path), native);
    }
    const identify = identifyUser(native, ownUid);
    return { enter: (socket) => admit({ socket, identify, server, logger, lines, onRefused }), reads: sharedReads() };
  }

  /** @returns what makes a socket one of sealed lines, where it is to be one */
  #linesOf(firstBytesMax: number | undefined, onRefused: () => void): ((socket: Socket) => Duplex) | undefined {
    const { sealing, logger } = this.#options;
    if (sealing?.keyFile === undefined) return undefined;
    const { keyFile, messageBytesMax } = sealing;
    const key = readSealKey(keyFile, "rpc.seal_key_file");
    return socketSealing({ key, messageBytesMax, firstMessageBytesMax: firstBytesMax, logger, onRefused });
  }

  /** Takes no more connections; those that are there are the server's to drain. */
  async drain(): Promise<void> {
    this.#fileCheck?.cancel();
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
