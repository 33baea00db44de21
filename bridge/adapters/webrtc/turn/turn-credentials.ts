import { createHmac } from "node:crypto";

export interface TurnSettings {
  /** `turn:host:3478?transport=udp` and the like; none when empty. */
  readonly urls: readonly string[];
  /** What coturn has as `static-auth-secret`. */
  readonly secret: string | undefined;
  readonly ttlMs: number;
}

export interface TurnCredentials {
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
  readonly ttlSeconds: number;
}

/**
 * Makes credentials by the "TURN REST API" (coturn's `use-auth-secret`): the username holds the expiry, and the password is its HMAC.
 * The expiry bounds new allocations only. An existing one can be refreshed without end.
 */
export function turnCredentials(settings: TurnSettings, session: string, nowMs: number): TurnCredentials | undefined {
  const { urls, secret, ttlMs } = settings;
  if (urls.length === 0 || secret === undefined) return undefined;
  const ttlSeconds = Math.floor(ttlMs / 1000);
  const username = `${Math.floor(nowMs / 1000) + ttlSeconds}:${session}`;
  return { urls, username, credential: createHmac("sha1", secret).update(username).digest("base64"), ttlSeconds };
}
