import * as z from "zod";
import { defineEvent } from "../types/define.ts";
import { KeyId, Timestamp } from "../types/ids.ts";

const key = { id: KeyId, provider: z.string(), expires_at: Timestamp };
const exampleKey = { id: "openai", provider: "openai", expires_at: "2026-12-01T08:00:00.000Z" };

const unlocked = defineEvent({
  summary: "The keystore was unlocked: keys can be used.",
  channel: "keystore.unlocked",
  priority: "normal",
  data: z.object({ source: z.string().describe("The source that unlocked it, as `keystore.source` names it.") }),
  example: { source: "passphrase" },
});

const locked = defineEvent({
  summary: "The keystore was locked: no key can be used before a person unlocks it.",
  channel: "keystore.locked",
  priority: "high",
  data: z.object({ reason: z.string() }),
  example: { reason: "It was unused for 900000 ms" },
});

const unlock_failed = defineEvent({
  summary: "The keystore could not be unlocked.",
  channel: "keystore.unlock_failed",
  priority: "high",
  data: z.object({ reason: z.string() }),
  example: { reason: "The passphrase or key file does not open the keystore" },
});

const damaged = defineEvent({
  summary: "A program other than the bridge changed a record of the keystore.",
  channel: "keystore.damaged",
  priority: "critical",
  data: z.object({ reason: z.string() }),
  example: { reason: "The list of keys is not the one that the bridge wrote" },
});

const rotated = defineEvent({
  summary: "A key has a new value, or all keys were sealed under a new master key.",
  channel: "keystore.rotated",
  priority: "normal",
  data: z.object({ id: KeyId.nullable().describe("Null for the master key."), version: z.int().nullable() }),
  example: { id: "openai", version: 2 },
});

const expiring = defineEvent({
  summary: "A key expires within two weeks.",
  channel: "keystore.expiring",
  priority: "high",
  data: z.object(key),
  example: exampleKey,
});

const expired = defineEvent({
  summary: "A key has expired and can no longer be used.",
  channel: "keystore.expired",
  priority: "high",
  data: z.object(key),
  example: exampleKey,
});

/** Every event of this file, by its type. */
export const keystoreEvents = {
  "keystore.unlocked": unlocked,
  "keystore.locked": locked,
  "keystore.unlock_failed": unlock_failed,
  "keystore.damaged": damaged,
  "keystore.rotated": rotated,
  "keystore.expiring": expiring,
  "keystore.expired": expired,
} as const;
