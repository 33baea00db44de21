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
 * The "TURN REST API" of coturn's `use-auth-secret`: the name says until when, the password proves who said so. The time guards new
 * allocations only; one that exists is refreshed as long as its owner likes.
 */
export function turnCredentials(settings: TurnSettings, session: string, nowMs: number): TurnCredentials | undefined {
  const { urls, secret, ttlMs } = settings;
  if (urls.length === 0 || secret === undefined) return undefined;
  const ttlSeconds = Math.floor(ttlMs / 1000);
  const username = `${Math.floor(nowMs / 1000) + ttlSeconds}:${session}`;
  return { urls, username, credential: createHmac("sha1", secret).update(username).digest("base64"), ttlSeconds };
}
