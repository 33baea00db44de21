import { promptHidden } from "./hidden-prompt.ts";

/** Where text goes. `write` may throw an error with the code EPIPE once nobody reads any more. */
export interface CliStream {
  write(text: string): void;
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
  /** Asks without showing what is typed; only where there is a person at a terminal. */
  readonly promptSecret?: ((question: string) => Promise<string>) | undefined;
  /** Calls for each key pressed, until disposed; only where there is a person at a terminal. */
  readonly onKey?: ((listener: (key: string) => void) => Disposable) | undefined;
  /** Milliseconds since the epoch, for ages. */
  now(): number;
  /** Calls when the person presses Ctrl-C or the process is told to end, until disposed. */
  onInterrupt(listener: () => void): Disposable;
}

/** The part of Node's `process` that the command line uses. */
export type CliProcess = Pick<NodeJS.Process, "stdout" | "stderr" | "stdin" | "env" | "on" | "off">;

const endSignals = ["SIGINT", "SIGTERM"] as const;
/** An escape sequence, as of the arrow keys, or one character. */
const keyPattern = /\u001b\[[0-9;]*[A-Za-z~]|./gsu;

/** The real process as the command line sees it. A reader that goes away ends the command, not with a stack trace. */
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

/** In raw mode: each key as it is pressed, without showing it. Fast ones arrive together. */
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
    failure = error;
  });
  return {
    write(text) {
      if (failure !== undefined) throw failure;
      stream.write(text);
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
