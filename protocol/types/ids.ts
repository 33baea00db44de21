import * as z from "zod";
import { limits } from "./limits.ts";

const kebab = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

/** A kind of agent, e.g. `system-monitor`. Kebab-case. */
export const LoopName = z
  .string()
  .max(limits.identifierLengthMax)
  .regex(kebab, "Expected kebab-case: lower-case letters, digits and single hyphens")
  .brand<"LoopName">()
  .meta({ id: "LoopName", description: "A kind of agent, in kebab-case." });
export type LoopName = z.output<typeof LoopName>;

/** One running instance of a loop, e.g. `heartbeat-1`. Unique in an install. */
export const AgentId = z
  .string()
  .max(limits.identifierLengthMax)
  .regex(kebab, "Expected kebab-case: lower-case letters, digits and single hyphens")
  .brand<"AgentId">()
  .meta({ id: "AgentId", description: "One instance of a loop, e.g. heartbeat-1." });
export type AgentId = z.output<typeof AgentId>;

/** The engine's id of a container. Docker: 64 hex digits; sandbox and process: the agent id and its epoch. */
export const ContainerId = z
  .string()
  .min(1)
  .max(128)
  .brand<"ContainerId">()
  .meta({ id: "ContainerId", description: "The engine's id of a container." });
export type ContainerId = z.output<typeof ContainerId>;

/** RFC 3339, in UTC, with milliseconds. */
export const Timestamp = z.iso.datetime().meta({ id: "Timestamp", description: "RFC 3339, in UTC." });

/** A whole number of milliseconds. */
export const DurationMs = z.int().min(0).max(86_400_000);

/** `<domain>.<identifier>[.<event>]`: dot-separated segments without wildcards. */
export const Channel = z
  .string()
  .min(1)
  .max(limits.channelLengthMax)
  .regex(/^[^.*>\s\p{Cc}]+(?:\.[^.*>\s\p{Cc}]+)*$/u, "Expected dot-separated segments without wildcards")
  .brand<"Channel">()
  .meta({ id: "Channel", description: "The dotted name that an event is published on." });
export type Channel = z.output<typeof Channel>;

/** A channel in which `*` stands for one whole segment and a last `>` for one or more. */
export const ChannelPattern = z
  .string()
  .min(1)
  .max(limits.channelLengthMax)
  .regex(
    /^(?:(?:[^.*>\s\p{Cc}]+|\*)\.)*(?:[^.*>\s\p{Cc}]+|\*|>)$/u,
    "Expected dot-separated segments; `*` for one segment, a last `>` for the rest",
  )
  .meta({ id: "ChannelPattern", description: "A channel with `*` for one segment and a last `>` for the rest." });

/** A key in the keystore. It is a label, never a path. */
export const KeyId = z
  .string()
  .max(64)
  .regex(
    /^[A-Za-z0-9](?:[._-]?[A-Za-z0-9])*$/,
    "Expected letters and digits, with single dots, hyphens or underscores between",
  )
  .meta({ id: "KeyId", description: "A key in the keystore, e.g. openai-default." });

/** An attached configuration. It is a label, never a path. */
export const ConfigName = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z0-9](?:[._-]?[A-Za-z0-9])*$/,
    "Expected letters and digits, with single dots, hyphens or underscores between; it is not a path",
  )
  .meta({ id: "ConfigName", description: "An attached configuration, e.g. agent.env." });

export const ApprovalId = z
  .string()
  .regex(/^ap_[0-9a-f]{16}$/)
  .meta({ id: "ApprovalId", description: "A question to a person." });

/** `user:1000`, `agent:heartbeat-1`, `token:dashboard`, `matrix:@ann:example.org`; exact, never a display name. */
export const PrincipalId = z
  .string()
  .max(300)
  .regex(
    /^(?:user:\d{1,10}|(?:agent|token):[a-z][a-z0-9]*(?:-[a-z0-9]+)*|matrix:@[a-z0-9._=\-/+]+:[A-Za-z0-9.\-:[\]]+|bridge)$/,
    "Expected user:UID, agent:ID, token:NAME or matrix:@NAME:SERVER",
  )
  .meta({ id: "PrincipalId", description: "Who, e.g. user:1000, agent:heartbeat-1 or matrix:@ann:example.org." });
