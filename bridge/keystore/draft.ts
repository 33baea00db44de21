import type { Secret } from "@armorclaw/protocol";
import type { Sql } from "../store/store.ts";
import { findKey, type KeyMeta, type KeyRow } from "./records.ts";

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

/** The record of a key's next value. */
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

/** A name that no key has. */
export function freeId(sql: Sql, provider: string): string {
  for (let number = 1; ; number++) {
    const id = number === 1 ? provider : `${provider}-${number}`;
    if (findKey(sql, id) === undefined) return id;
  }
}
