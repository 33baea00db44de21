import { promptHidden } from "./hidden-prompt.ts";

/** Where text goes. */
export interface CliStream {
  /** @throws the error of an earlier write: EPIPE when the reader has closed the pipe, else a WriteError */
  write(text: string): void;
  /** Resolves once everything written has been handed over. Rejects as `write` throws. */
  flushed(): Promise<void>;
  readonly isTTY: boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

export type CliEnvironment = Readonly<Record<string, string | undefined>>;

/** Everything that the command line needs of its process. */
export interface CliIo {
  readonly stdout: CliStream;
  readonly stderr: CliStream;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly env: CliEnvironment;
  /** Asks at the terminal and does not show what is typed. Undefined when stdin is not a terminal. */
  readonly promptSecret?: ((question: string) => Promise<string>) | undefined;
  /** Calls `listener` for each key until disposed. Undefined when stdin is not a terminal. */
  readonly onKey?: ((listener: (key: string) => void) => Disposable) | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `listener` at SIGINT (Ctrl-C) and SIGTERM until disposed. */
  onInterrupt(listener: () => void): Disposable;
}

/** The part of Node's `process` that the command line uses. */
export type CliProcess = Pick<NodeJS.Process, "stdout" | "stderr" | "stdin" | "env" | "on" | "off">;

const endSignals = ["SIGINT", "SIGTERM"] as const;
/** Output that was lost, for a reason other than a reader that went away. */
export class WriteError extends Error {
  override readonly name = "WriteError";
  readonly code = "OUTPUT_FAILED";

  constructor(cause: Error) {
    super(`The output could not be written: ${cause.message}`, { cause });
  }
}

/** An escape sequence, such as that of an arrow key, or one character. */
const keyPattern = /\u001b\[[0-9;]*[A-Za-z~]|./gsu;

/** The real process as the command line sees it. A reader that goes away ends the command without a stack trace. */
export function processIo(proc: CliProcess, now: () => number): CliIo {
  return {
    stdout: streamOf(proc.stdout),
    stderr: streamOf(proc.stderr),
    stdin: proc.stdin as AsyncIterable<Uint8Array>,
    env: proc.env,
    promptSecret: proc.stdin.isTTY
      ? (question) => promptHidden(question, { input: proc.stdin, output: proc.stderr })
      : undefined,
    onKey: proc.stdin.isTTY ? (listener) => readKeys(proc.stdin, listener) : undefined,
    now,
    onInterrupt(listener) {
      for (const signal of endSignals) proc.on(signal, listener);
      return {
        [Symbol.dispose]() {
          for (const signal of endSignals) proc.off(signal, listener);
        },
      };
    },
  };
}

/** Puts the terminal in raw mode and reports each key. Keys that are pressed fast arrive in one chunk. */
function readKeys(stdin: NodeJS.ReadStream, listener: (key: string) => void): Disposable {
  const onData = (data: Buffer) => {
    for (const key of data.toString().match(keyPattern) ?? []) listener(key);
  };
  stdin.setRawMode(true).on("data", onData).resume();
  return {
    [Symbol.dispose]() {
      stdin.off("data", onData).pause();
      stdin.setRawMode(false);
    },
  };
}

function streamOf(stream: NodeJS.WriteStream): CliStream {
  let failure: Error | undefined;
  stream.on("error", (error) => {
    failure ??= isBrokenPipe(error) ? error : new WriteError(error);
  });
  return {
    write(text) {
      if (failure !== undefined) throw failure;
      stream.write(text);
    },
    async flushed() {
      // The error event is emitted after the callback of its write.
      await new Promise<void>((resolve) => stream.write("", () => setImmediate(resolve)));
      if (failure !== undefined) throw failure;
    },
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns;
    },
    get rows() {
      return stream.rows;
    },
  };
}

export const isBrokenPipe = (error: unknown): boolean => (error as NodeJS.ErrnoException | undefined)?.code === "EPIPE";
