import type { Secret } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import { nearest } from "@armorclaw/protocol/nearest";
import type { Sql } from "../store/index.ts";
import { allKeys, findKey, type KeyMeta, type KeyRow } from "./store.ts";

/** The prefix of the bridge's own keys. No caller can name them. */
export const internalPrefix = "_";

export interface KeyInfo extends KeyMeta {
  readonly lastUsedAt: number | null;
}

export interface KeyDraft {
  readonly id?: string | undefined;
  readonly provider: string;
  readonly value: Secret;
  readonly displayName?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly baseUrl?: string | undefined;
  readonly expiresAt?: number | undefined;
}

export const withUse = (
  { masterId: _, dataKey: __, envelope: ___, ...meta }: KeyRow,
  lastUsedAt: number | undefined,
): KeyInfo => ({
  ...meta,
  lastUsedAt: lastUsedAt ?? null,
});

/** The record that goes with a key's next value. */
export function nextVersion(draft: KeyDraft, id: string, known: KeyMeta | undefined, now: number): KeyMeta {
  return {
    id,
    version: (known?.version ?? 0) + 1,
    provider: draft.provider,
    displayName: draft.displayName ?? known?.displayName ?? id,
    tags: draft.tags ?? known?.tags ?? [],
    baseUrl: draft.baseUrl ?? known?.baseUrl ?? null,
    createdAt: known?.createdAt ?? now,
    updatedAt: now,
    expiresAt: draft.expiresAt ?? null,
  };
}

/** An id that no key has. */
export function freeId(sql: Sql, provider: string): string {
  for (let number = 1; ; number++) {
    const id = number === 1 ? provider : `${provider}-${number}`;
    if (findKey(sql, id) === undefined) return id;
  }
}

/** Finds the key that a caller names. @throws BridgeError KEY_NOT_FOUND */
export function findNamed(sql: Sql, id: string): KeyRow {
  const row = id.startsWith(internalPrefix) ? undefined : findKey(sql, id);
  if (row !== undefined) return row;
  const known = allKeys(sql)
    .map((key) => key.id)
    .filter((one) => !one.startsWith(internalPrefix));
  const near = nearest(id, known);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw new BridgeError("KEY_NOT_FOUND", `No key is called ${id}${hint}`, { id });
}
