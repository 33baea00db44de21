import { BridgeError } from "@armorclaw/protocol";

interface HttpFailure {
  readonly statusCode: number;
  readonly message: string;
}

/** The HTTP status that the engine answered; undefined when it did not answer. Podman answers 500 for a container that is being removed. */
export function statusOf(error: unknown): number | undefined {
  if (!isHttpFailure(error)) return undefined;
  return error.statusCode === 500 && /no such container/.test(reasonOf(error)) ? 404 : error.statusCode;
}

/** Turns the engine's answers that mean "already done" into success. */
export async function tolerate(statuses: readonly number[], call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined || !statuses.includes(status)) throw error;
  }
}

/** Maps Docker's failures to the catalogue: no answer is ENGINE_UNAVAILABLE, a refusal is the failure of the start. */
export function translateDockerError(
  error: unknown,
  refusal: "AGENT_START_FAILED" | "IMAGE_BUILD_FAILED",
): BridgeError {
  if (error instanceof BridgeError) return error;
  if (isHttpFailure(error)) {
    const reason = reasonOf(error);
    const code = /unknown (or invalid )?runtime/i.test(reason) ? "RUNTIME_UNKNOWN" : refusal;
    return new BridgeError(code, `Docker refused: ${reason}`, { status: error.statusCode }, { cause: error });
  }
  return dockerUnavailable(error);
}

export function dockerUnavailable(error: unknown): BridgeError {
  return new BridgeError("ENGINE_UNAVAILABLE", `The Docker engine does not answer: ${noAnswer(error)}`, undefined, {
    cause: error,
  });
}

function noAnswer(error: unknown): string {
  const { code, name, message } = error as { code?: unknown; name?: unknown; message?: unknown };
  if (code === "ENOENT") return "there is no socket";
  if (code === "EACCES") return "this user may not use its socket (the group docker may)";
  if (code === "ECONNREFUSED") return "nothing listens";
  if (name === "TimeoutError" || name === "AbortError") return "it took too long";
  return typeof message === "string" ? message : String(error);
}

function isHttpFailure(error: unknown): error is HttpFailure {
  return typeof (error as { statusCode?: unknown } | undefined)?.statusCode === "number";
}

/** Docker's own message is `json.message`; the error's message wraps it. */
function reasonOf(error: HttpFailure): string {
  const json = (error as { json?: { message?: unknown } }).json;
  return typeof json?.message === "string" ? json.message : error.message;
}
