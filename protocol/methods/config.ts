import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { ConfigName, PrincipalId, Timestamp } from "../types/ids.ts";
import { everyone, operators, people } from "../types/roles.ts";
import { Approval } from "./approval.ts";

const Encoding = z.enum(["raw", "base64"]);

export const ConfigInfo = z
  .object({
    config_id: z.string().describe("Name and version, e.g. config-agent.env-2."),
    name: ConfigName,
    path: z.string().describe("The path that the classic API would have used. Nothing is written there."),
    version: z.int(),
    digest: z.string().describe("SHA-256 of the content."),
    size: z.int(),
    type: z.string(),
    encoding: Encoding.describe("The encoding in which it was attached."),
    metadata: z.record(z.string(), z.string()),
    modified: Timestamp,
    attached_by: PrincipalId,
  })
  .meta({ id: "ConfigInfo" });
export type ConfigInfo = z.output<typeof ConfigInfo>;

const exampleConfig = {
  config_id: "config-agent.env-1",
  name: "agent.env",
  path: "configs/agent.env",
  version: 1,
  digest: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
  size: 3,
  type: "env",
  encoding: "raw" as const,
  metadata: {},
  modified: "2026-11-21T08:00:00.000Z",
  attached_by: "user:1000",
};

const Draft = {
  name: ConfigName,
  content: z.string().max(1_500_000).describe("At most 1 MiB once decoded."),
  encoding: Encoding.default("raw"),
  type: z.string().max(40).default("raw").describe("The type, e.g. env, toml, json."),
  metadata: z.record(z.string().max(64), z.string().max(1_000)).default({}),
};

const storing = ["CONFIG_TOO_LARGE", "STORE_FULL", "STORE_FAILED", "STORE_BUSY"] as const;

const attach = defineMethod({
  summary: "Attach a piece of configuration for the loops that list it.",
  description:
    "The configuration is stored by the digest of its content, and versioned. Agents that list it are notified at once.",
  roles: operators,
  effect: "write",
  scope: { channels: ["config.>"] },
  aliases: ["attach_config"],
  params: z.strictObject(Draft),
  result: ConfigInfo,
  errors: storing,
  example: { params: { name: "agent.env", content: "A=1", type: "env" }, result: exampleConfig },
});

const list = defineMethod({
  summary: "List the attached configurations.",
  roles: people,
  effect: "read",
  scope: { channels: ["config.>"] },
  aliases: ["list_configs"],
  params: z.strictObject({}),
  result: z.object({ configs: z.array(ConfigInfo), count: z.int() }),
  errors: [],
  example: { params: {}, result: { configs: [exampleConfig], count: 1 } },
});

const get = defineMethod({
  summary: "Read an attached configuration.",
  description: "An agent may read the configurations that its loop's manifest lists.",
  roles: everyone,
  effect: "read",
  scope: { channels: ["config.>"] },
  params: z.strictObject({
    name: ConfigName,
    version: z.int().min(1).optional().describe("The version. The default is the newest."),
  }),
  result: ConfigInfo.extend({ content: z.string() }),
  errors: ["CONFIG_NOT_FOUND"],
  example: { params: { name: "agent.env" }, result: { ...exampleConfig, content: "A=1" } },
});

const propose = defineMethod({
  summary: "Propose a change of a configuration that the loop lists.",
  description: "A person sees the difference and decides. Only an approved change is attached, at once.",
  roles: ["agent"],
  effect: "write",
  params: z.strictObject({ ...Draft, reason: z.string().max(2_000).optional() }),
  result: Approval,
  errors: [...storing, "APPROVAL_LIMIT"],
  example: {
    params: { name: "agent.env", content: "A=2" },
    result: {
      approval_id: "ap_2f4a9c01d3e5b7f8",
      status: "pending_approval",
      requester: "agent:gmail-1",
      method: "config.propose",
      request: '{"diff":"-A=1\\n+A=2","name":"agent.env"}',
      digest: "9b0d5a6a1c6f0a3f1d7b5f7f5a3f0d4f1c2b3a49586776655443322110ffeedd",
      reason: null,
      created_at: "2026-11-21T08:00:00.000Z",
      expires_at: "2026-11-21T08:15:00.000Z",
      decided_at: null,
      decided_by: null,
      note: null,
    },
  },
});

/** Every method of this file, by its name. */
export const configMethods = {
  "config.attach": attach,
  "config.list": list,
  "config.get": get,
  "config.propose": propose,
} as const;
