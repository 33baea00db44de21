import type { ConnectionErrorCode } from "@armorclaw/client-sdk";
import type { ErrorCode } from "@armorclaw/protocol/errors";
import { UsageError } from "./usage-error.ts";

/** What the command line ends with. Scripts rely on these: they never change their meaning. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  permission: 4,
  unreachable: 5,
  conflict: 6,
  budget: 7,
  approval: 8,
  timeout: 9,
  configInvalid: 10,
  keystore: 11,
  degraded: 12,
  interrupted: 130,
} as const;

export type ExitName = keyof typeof exitCodes;

/** What each exit code says, for the reference. */
export const exitMeanings: Readonly<Record<ExitName, string>> = {
  ok: "Done",
  failed: "The operation failed",
  usage: "The command line, or the call's params, are wrong",
  notFound: "What was named does not exist or does not run",
  permission: "Permission denied",
  unreachable: "The bridge cannot be reached, or is shutting down",
  conflict: "Something else holds it, or its state does not allow this",
  budget: "A budget is exceeded",
  approval: "A person denied it, or did not answer in time",
  timeout: "It took longer than its deadline",
  configInvalid: "The configuration is not valid",
  keystore: "The keystore is sealed, or the passphrase is wrong",
  degraded: "It works, but not all is well",
  interrupted: "Ended by Ctrl-C",
};

/** Every error code → the exit it ends with. A code without a row does not compile. */
export const exitOfErrorCode = {
  PARSE_ERROR: "usage",
  INVALID_REQUEST: "usage",
  METHOD_NOT_FOUND: "usage",
  INVALID_PARAMS: "usage",
  INTERNAL: "failed",
  UNAUTHENTICATED: "permission",
  FORBIDDEN: "permission",
  RATE_LIMITED: "failed",
  SHUTTING_DOWN: "unreachable",
  CANCELLED: "failed",
  TIMED_OUT: "timeout",
  FRAME_TOO_LARGE: "failed",
  TOO_MANY_IN_FLIGHT: "failed",
  DUPLICATE_ID: "conflict",
  TOO_MANY_CONNECTIONS: "failed",
  TOO_MANY_SUBSCRIPTIONS: "failed",
  SUBSCRIPTION_NOT_FOUND: "notFound",
  CONFIG_INVALID: "configInvalid",
  STATE_UNUSABLE: "permission",
  SOCKET_PATH_TOO_LONG: "configInvalid",
  RUNTIME_DIR_UNSAFE: "permission",
  ALREADY_RUNNING: "conflict",
  AGENT_ALREADY_RUNNING: "conflict",
  AGENT_NOT_FOUND: "notFound",
  KEY_NOT_FOUND: "notFound",
  LOOP_NOT_FOUND: "notFound",
  AGENT_START_FAILED: "failed",
  AGENT_LIMIT_REACHED: "failed",
  AGENT_STATE_CONFLICT: "conflict",
  ENGINE_UNAVAILABLE: "failed",
  ISOLATION_REFUSED: "permission",
  ATTESTATION_FAILED: "failed",
  IMAGE_BUILD_FAILED: "failed",
  STORE_FULL: "failed",
  STORE_FAILED: "failed",
  STORE_BUSY: "failed",
  NOT_CONNECTED: "unreachable",
  CLOSED: "unreachable",
  TIMEOUT: "timeout",
  QUEUE_FULL: "failed",
} as const satisfies Record<ErrorCode | ConnectionErrorCode, ExitName>;

/** The exit code that an error ends the command with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  if (typeof code !== "string" || !Object.hasOwn(exitOfErrorCode, code)) return exitCodes.failed;
  return exitCodes[exitOfErrorCode[code as keyof typeof exitOfErrorCode]];
}
