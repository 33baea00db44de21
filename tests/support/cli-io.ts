import { type CliIo, runCli } from "../../bridge/cli/index.ts";

/** A process environment that a test can inspect. */
export interface TestIo extends CliIo {
  readonly outText: () => string;
  readonly errorText: () => string;
  interrupt(): void;
}

interface TestIoOptions {
  readonly socket: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Replaces the collection of stdout. */
  readonly write?: (text: string) => void;
}

export function testIo(options: TestIoOptions): TestIo {
  const out: string[] = [];
  const errors: string[] = [];
  const listeners = new Set<() => void>();
  return {
    stdout: { isTTY: false, write: options.write ?? ((text) => void out.push(text)), flushed: async () => {} },
    stderr: { isTTY: false, write: (text) => void errors.push(text), flushed: async () => {} },
    stdin: (async function* () {
      yield Buffer.from(options.stdin ?? "");
    })(),
    env: { ARMORCLAW_SOCKET: options.socket, ...options.env },
    now: () => Date.parse("2026-11-21T08:01:00.000Z"),
    onInterrupt(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => listeners.delete(listener) };
    },
    interrupt: () => {
      for (const listener of listeners) listener();
    },
    outText: () => out.join(""),
    errorText: () => errors.join(""),
  };
}

/** Runs one command line; its words are split at spaces unless given as a list. */
export async function runLine(line: string | readonly string[], io: TestIo) {
  const code = await runCli(typeof line === "string" ? line.split(" ").filter(Boolean) : line, io);
  return { code, out: io.outText(), error: io.errorText() };
}
