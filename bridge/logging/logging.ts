import { pino } from "pino";

/** The part of a logger that the bridge uses: a static message, facts as fields. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Field names whose values never reach a log, at any depth that the bridge logs. */
const secretFields = ["token", "password", "secret", "authorization", "api_key", "passphrase", "key_material"];

export interface Logging {
  /** A logger that marks each line with its module. */
  child(module: string): Logger;
  /** Writes out what is buffered. */
  flush(): Promise<void>;
}

/** JSON lines to `stream`, redacted at construction. */
export function createLogging(level: LogLevel, stream: { write(line: string): void }): Logging {
  const root = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      redact: {
        paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: "[redacted]",
      },
    },
    stream,
  );
  return {
    child: (module) => root.child({ module }),
    flush: () => new Promise((resolve) => root.flush(() => resolve())),
  };
}

/** For parts that are used without a log, and for tests. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
