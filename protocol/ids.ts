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
