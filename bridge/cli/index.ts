export { exitCodes } from "./core/exit-codes.ts";
export { reportFailure } from "./core/failure.ts";
export type { Invocation } from "./core/invocation.ts";
export { type CliIo, processIo } from "./core/io.ts";
export { runCli } from "./run-cli.ts";
