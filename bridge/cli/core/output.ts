import { styleText } from "node:util";
import type { CliEnvironment, CliIo, CliStream } from "./io.ts";

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** What a renderer needs to know of its output. */
export interface View {
  readonly nowMs: number;
  /** The terminal's width; undefined when the output is not a terminal. */
  readonly columns: number | undefined;
  /** The terminal's height, where it is known. */
  readonly rows?: number | undefined;
  readonly paint: Paint;
}

/** Data on stdout, notices on stderr. */
export interface Output {
  readonly isJson: boolean;
  /** Prints text for a person and a newline. */
  text(text: string): void;
  /** Prints one JSON value on one line. */
  json(value: unknown): void;
  /** Prints a notice on stderr, unless --quiet is given. */
  notice(text: string): void;
  /** Prints text on stdout without a newline, unless --quiet is given. */
  progress(text: string): void;
  view(): View;
}

export function createOutput(io: CliIo, options: { readonly json: boolean; readonly quiet: boolean }): Output {
  const paint = painter(io.stdout, io.env);
  return {
    isJson: options.json,
    text: (text) => io.stdout.write(`${text}\n`),
    json: (value) => io.stdout.write(`${JSON.stringify(value)}\n`),
    notice: (text) => {
      if (!options.quiet) io.stderr.write(`${text}\n`);
    },
    progress: (text) => {
      if (!options.quiet) io.stdout.write(text);
    },
    view: () => ({
      nowMs: io.now(),
      ...(io.stdout.isTTY ? { columns: io.stdout.columns ?? 80, rows: io.stdout.rows } : { columns: undefined }),
      paint,
    }),
  };
}

/** Colours a terminal's text. FORCE_COLOR wins over NO_COLOR and TERM=dumb, as in Node itself. */
export function painter(stream: Pick<CliStream, "isTTY">, env: CliEnvironment): Paint {
  return isColoured(stream, env)
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_style, text) => text;
}

function isColoured(stream: Pick<CliStream, "isTTY">, env: CliEnvironment): boolean {
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  if ((env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb") return false;
  return stream.isTTY;
}
