export { createLogging, type Logger, type Logging, type LogLevel, silentLogger } from "./logging.ts";
