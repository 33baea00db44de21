import { errorCatalogue } from "@armorclaw/protocol/errors";
import { exitCodeOf } from "./exit-codes.ts";
import type { CliIo } from "./io.ts";
import { painter } from "./output.ts";
import { UsageError } from "./usage-error.ts";
import { visible } from "./visible.ts";

/** An error as it is printed. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly exit_code: number;
  readonly correlation_id?: string;
  readonly details?: unknown;
}

const localRemedies: Readonly<Record<string, string>> = {
  NOT_CONNECTED: "Start the bridge with `armorclaw run`, or name its socket with --socket",
  CLOSED: "Run `armorclaw status` to see whether the bridge is back, then check whether the call took effect",
  TIMEOUT: "Try again with a longer --timeout",
  QUEUE_FULL: "Send less at once",
  OUTPUT_FAILED: "Free space where the output goes, or send it elsewhere",
};

/** Prints an error on stderr, as JSON or for a person, and returns its exit code. */
export function reportFailure(error: unknown, io: CliIo, json: boolean): number {
  const failure = describeFailure(error);
  if (json) io.stderr.write(`${JSON.stringify({ error: failure })}\n`);
  else io.stderr.write(`${humanLines(failure, error, io).join("\n")}\n`);
  return failure.exit_code;
}

function humanLines(failure: Failure, error: unknown, io: CliIo): string[] {
  const paint = painter(io.stderr, io.env);
  return [
    `${paint("red", `armorclaw: ${visible(failure.code)}`)}: ${visible(failure.message)}`,
    ...(failure.details === undefined ? [] : [`  details: ${visible(JSON.stringify(failure.details))}`]),
    `  next: ${visible(failure.remedy)}`,
    ...(failure.correlation_id === undefined ? [] : [`  correlation id: ${visible(failure.correlation_id)}`]),
    ...(isKnown(error) || !(error instanceof Error) ? [] : [`  ${visible(error.stack ?? "")}`]),
  ];
}

/** An error as it is printed, with what to do next. */
export function describeFailure(error: unknown): Failure {
  const { code, remedy, correlationId, details } = fieldsOf(error);
  const known = isKnown(error);
  return {
    code: known && code !== undefined ? code : "INTERNAL",
    message: messageOf(error),
    remedy: known
      ? (remedy ?? localRemedies[code ?? ""] ?? catalogueRemedy(code) ?? "See `armorclaw help`")
      : "This is a bug in the command line: report it with these lines",
    exit_code: exitCodeOf(error),
    ...(correlationId === undefined ? {} : { correlation_id: correlationId }),
    ...(details === undefined ? {} : { details }),
  };
}

/** Adds the reason that the bridge gave for ending a connection. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  const isReasonGiven = cause instanceof Error && cause.name === "BridgeError" && !message.includes(cause.message);
  return error.name === "ConnectionError" && isReasonGiven ? `${message}: ${cause.message}` : message;
}

/** Whether the error is an operating condition rather than a bug. */
const isKnown = (error: unknown): boolean =>
  error instanceof UsageError ||
  (error instanceof Error && ["BridgeError", "ConnectionError", "RemoteError", "WriteError"].includes(error.name));

const catalogueRemedy = (code: string | undefined): string | undefined =>
  code !== undefined && Object.hasOwn(errorCatalogue, code)
    ? errorCatalogue[code as keyof typeof errorCatalogue].remedy
    : undefined;

interface ErrorFields {
  readonly code?: string;
  readonly remedy?: string;
  readonly correlationId?: string;
  readonly details?: unknown;
}

const fieldsOf = (error: unknown): ErrorFields => (error instanceof Error ? (error as ErrorFields) : {});
