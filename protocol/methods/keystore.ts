import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { KeyId, Timestamp } from "../types/ids.ts";
import { operators, people } from "../types/roles.ts";
import { SecretText } from "../types/secret.ts";

const Provider = z
  .string()
  .max(40)
  .regex(/^[a-z][a-z0-9_-]*$/, "Expected lower-case letters, digits, hyphens and underscores")
  .meta({ id: "Provider", description: "The provider of the key, e.g. openai." });

const Tags = z.array(z.string().min(1).max(64)).max(32);

/** A key's properties, without its value. */
export const KeyInfo = z
  .object({
    id: KeyId,
    provider: Provider,
    display_name: z.string(),
    version: z.int().describe("How many values this key has had."),
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Timestamp.nullable(),
    last_used_at: Timestamp.nullable(),
    tags: z.array(z.string()),
    base_url: z.string().nullable().describe("The provider's address, when it is not the default one."),
  })
  .meta({ id: "KeyInfo" });
export type KeyInfo = z.output<typeof KeyInfo>;

const exampleKey = {
  id: "openai",
  provider: "openai",
  display_name: "OpenAI",
  version: 1,
  created_at: "2026-11-21T08:00:00.000Z",
  updated_at: "2026-11-21T08:00:00.000Z",
  expires_at: null,
  last_used_at: null,
  tags: [],
  base_url: null,
};

const Stored = z.object({
  id: KeyId,
  key_id: KeyId.describe("The same as `id`, under its classic name."),
  provider: Provider,
  version: z.int(),
  created_at: Timestamp,
  warnings: z.array(z.string()).describe("Warnings about the value, which is stored nevertheless."),
});

const sealing = ["KEYSTORE_LOCKED", "KEYSTORE_DAMAGED", "STORE_FULL", "STORE_FAILED", "STORE_BUSY"] as const;

const store = defineMethod({
  summary: "Store a key, sealed.",
  description: "An existing key gets the new value and its next version. The value is never taken from argv.",
  roles: operators,
  effect: "write",
  aliases: ["store_key"],
  params: z.strictObject({
    provider: Provider,
    token: SecretText.describe("The key itself."),
    id: KeyId.optional().describe("The key's id. The default is derived from the provider."),
    display_name: z.string().max(200).optional(),
    expires_at: Timestamp.optional(),
    tags: Tags.optional(),
    base_url: z.url().max(500).optional(),
  }),
  result: Stored,
  errors: [...sealing, "KEYSTORE_LIMIT"],
  example: {
    params: { provider: "openai", token: "sk-proj-example" },
    result: {
      id: "openai",
      key_id: "openai",
      provider: "openai",
      version: 1,
      created_at: "2026-11-21T08:00:00.000Z",
      warnings: [],
    },
  },
});

const list = defineMethod({
  summary: "List the keys, without their values.",
  roles: people,
  effect: "read",
  aliases: ["list_keys"],
  params: z.strictObject({ provider: Provider.optional() }),
  result: z.array(KeyInfo),
  errors: [],
  example: { params: {}, result: [exampleKey] },
});

const get = defineMethod({
  summary: "Show a key's value.",
  description:
    "Only an admin at the bridge's own socket may call this. Each call is recorded. `keystore.reveal = false` disables it.",
  roles: ["admin"],
  effect: "read",
  atOwnSocket: true,
  audited: true,
  aliases: ["get_key"],
  params: z.strictObject({ id: KeyId }),
  result: KeyInfo.extend({ token: z.string() }),
  errors: [...sealing, "KEY_NOT_FOUND", "KEY_EXPIRED", "REVEAL_DISABLED"],
  example: { params: { id: "openai" }, result: { ...exampleKey, token: "sk-proj-example" } },
});

const remove = defineMethod({
  summary: "Delete a key.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ id: KeyId }),
  result: z.object({ id: KeyId, deleted: z.literal(true) }),
  errors: [...sealing, "KEY_NOT_FOUND"],
  example: { params: { id: "openai" }, result: { id: "openai", deleted: true } },
});

const rotate = defineMethod({
  summary: "Give a key a new value, or the keystore a new master key.",
  description:
    "With `id` and `token` the key's value changes. Without both, every key is sealed again under a new master key.",
  roles: ["admin"],
  effect: "write",
  params: z.strictObject({
    id: KeyId.optional().describe("The key. The default is the master key."),
    token: SecretText.optional().describe("The key's new value."),
  }),
  result: z.object({
    rotated: z.enum(["key", "master"]),
    version: z.int().nullable().describe("The key's version after the rotation."),
    resealed: z.int().describe("How many keys were sealed again."),
  }),
  errors: [...sealing, "KEY_NOT_FOUND"],
  example: { params: {}, result: { rotated: "master", version: null, resealed: 4 } },
});

const Source = z.enum(["passphrase", "key-file", "keyring", "credentials"]);

const rekey = defineMethod({
  summary: "Change the passphrase or another source that unlocks the keystore.",
  description:
    "The keystore has to be unlocked. If the bridge is killed meanwhile, the old source still opens it. A backup opens with the source of the time when it was made.",
  roles: ["admin"],
  effect: "write",
  params: z.strictObject({
    source: Source.default("passphrase"),
    passphrase: SecretText.optional().describe("The new passphrase, where the source is a passphrase."),
  }),
  result: z.object({
    source: Source,
    config_differs: z
      .boolean()
      .describe("Whether `keystore.source` names another source and has to be changed before the next start."),
  }),
  errors: ["KEYSTORE_WRONG_KEY", ...sealing],
  example: { params: { passphrase: "correct horse" }, result: { source: "passphrase", config_differs: false } },
});

export const Lock = z.enum(["locked", "unlocked"]);

const lock = defineMethod({
  summary: "Lock the keystore: no secret can be read until it is unlocked.",
  roles: operators,
  effect: "write",
  params: z.strictObject({}),
  result: z.object({ state: Lock }),
  errors: [],
  example: { params: {}, result: { state: "locked" } },
});

const unlock = defineMethod({
  summary: "Unlock the keystore.",
  description:
    "A keystore with a passphrase needs the passphrase here. A wrong passphrase is an error that changes nothing.",
  roles: operators,
  effect: "write",
  params: z.strictObject({ passphrase: SecretText.optional() }),
  result: z.object({
    state: Lock,
    resealed: z.int().describe("Keys of an unfinished rotation that were sealed again."),
  }),
  errors: ["KEYSTORE_WRONG_KEY", ...sealing],
  example: { params: {}, result: { state: "unlocked", resealed: 0 } },
});

const status = defineMethod({
  summary: "Show whether the keystore is locked, and which source unlocks it.",
  roles: people,
  effect: "read",
  params: z.strictObject({}),
  result: z.object({
    state: Lock,
    source: Source,
    keys: z.int(),
    auto_lock_ms: z
      .int()
      .nullable()
      .describe("The keystore locks itself after this time without use; null when it does not."),
    expiring: z.array(KeyId).describe("Keys that are expired or expire within 14 days."),
  }),
  errors: [],
  example: {
    params: {},
    result: { state: "unlocked", source: "key-file", keys: 4, auto_lock_ms: null, expiring: [] },
  },
});

const test = defineMethod({
  summary: "Ask the provider whether it accepts a key.",
  description:
    "The bridge makes one free call, such as listing models. The value is sent to the provider and nowhere else.",
  roles: operators,
  effect: "read",
  audited: true,
  params: z.strictObject({ id: KeyId }),
  result: z.object({
    id: KeyId,
    outcome: z.enum(["accepted", "rejected", "unreachable", "untestable"]),
    message: z.string(),
    http_status: z.int().nullable(),
    duration_ms: z.int(),
  }),
  errors: [...sealing, "KEY_NOT_FOUND", "KEY_EXPIRED"],
  example: {
    params: { id: "openai" },
    result: {
      id: "openai",
      outcome: "accepted",
      message: "The provider accepts it",
      http_status: 200,
      duration_ms: 210,
    },
  },
});

/** Every method of this file, by its name. */
export const keystoreMethods = {
  "keystore.store": store,
  "keystore.list": list,
  "keystore.get": get,
  "keystore.delete": remove,
  "keystore.rotate": rotate,
  "keystore.lock": lock,
  "keystore.unlock": unlock,
  "keystore.rekey": rekey,
  "keystore.status": status,
  "keystore.test": test,
} as const;
