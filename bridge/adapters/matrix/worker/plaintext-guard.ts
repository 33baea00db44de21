import { Refused } from "./sdk-failure.ts";

/** Matrix never encrypts reactions and redactions. They carry no text. */
const neverEncrypted = new Set(["m.room.encrypted", "m.reaction", "m.room.redaction"]);

/** Device verification is sent unencrypted by design. Its content is public, and both devices check it. */
const isVerification = (type: string, body: unknown): boolean =>
  type.startsWith("m.key.verification.") ||
  (type === "m.room.message" && typeof body === "string" && msgtypeOf(body) === "m.key.verification.request");

const sendPath = /\/rooms\/([^/]+)\/send\/([^/]+)\//;

/**
 * Remembers which rooms are encrypted, and refuses requests that would send plaintext to them. The SDK sends plaintext to a room whose
 * state it does not know yet.
 */
export class PlaintextGuard {
  readonly #encrypted: Set<string>;
  readonly #onNew: (roomId: string) => void;

  constructor(encrypted: readonly string[], onNew: (roomId: string) => void) {
    this.#encrypted = new Set(encrypted);
    this.#onNew = onNew;
  }

  isEncrypted(roomId: string): boolean {
    return this.#encrypted.has(roomId);
  }

  /** Once encrypted, always encrypted. */
  remember(roomId: string): void {
    if (this.#encrypted.has(roomId)) return;
    this.#encrypted.add(roomId);
    this.#onNew(roomId);
  }

  /** @throws Refused when the request would put an event into an encrypted room in the clear */
  check(url: string, body?: unknown): void {
    const match = sendPath.exec(new URL(url).pathname);
    if (match === null) return;
    const [roomId, type] = [decodeURIComponent(match[1] ?? ""), decodeURIComponent(match[2] ?? "")];
    if (this.#encrypted.has(roomId) && !neverEncrypted.has(type) && !isVerification(type, body))
      throw new Refused(`${type} would go to the encrypted room ${roomId} in the clear`);
  }

  /** `fetch` with this check. */
  readonly fetch = (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> => {
    this.check(String(input), init?.body);
    return fetch(input, init);
  };
}

function msgtypeOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { msgtype?: unknown } | null)?.msgtype;
  } catch {
    return undefined;
  }
}
