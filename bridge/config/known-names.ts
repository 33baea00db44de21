import { loopMap } from "@armorclaw/agent-runtime";
import { events, methods, type Role } from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import type { ConfigValues } from "./schema.ts";

/** The services with a price in the list that comes with the bridge. */
export const listedServices = [
  "twilio.sms.us",
  "twilio.voice_out_minute.us",
  "twilio.voice_in_minute.us",
  "openai.tts-1.character",
  "openai.tts-1-hd.character",
  "openai.whisper-1.minute",
] as const;
export type ListedService = (typeof listedServices)[number];

/** The alert rules that come with the bridge. */
export const defaultAlertRules = [
  "agent-failed",
  "agent-exited",
  "agent-hung",
  "agent-overloaded",
  "engine-lost",
  "budget-threshold",
  "budget-exhausted",
  "provider-lost",
  "delivery-failed",
  "delivery-late",
  "event-not-taken",
  "task-failed",
  "panic",
  "disk-low",
  "keystore-locked",
  "keystore-damaged",
  "key-expiring",
  "bridge-interrupted",
  "matrix-lost",
  "matrix-logged-out",
  "room-upgraded",
  "room-upgrade-not-followed",
  "matrix-messages-missed",
  "watcher-lost",
] as const;
export type DefaultAlertRule = (typeof defaultAlertRules)[number];

/** The names that a configuration gives to models and to services with a price, by the keys of its file. */
export interface NameSources {
  readonly llm: { readonly providers: Readonly<Record<string, { readonly models: readonly string[] }>> };
  readonly budget: Pick<ConfigValues["budget"], "service_prices">;
}

/** What a name may stand for. Each list is searched for the nearest name when one is not known. */
export interface KnownNames {
  readonly loops: readonly string[];
  /** The providers of models. */
  readonly providers: readonly string[];
  /** Each as provider/model. */
  readonly models: readonly string[];
  /** The services that have a price. What stands before a service's first dot is its provider. */
  readonly services: readonly string[];
}

export const loopNames: readonly string[] = Object.keys(loopMap);

export function knownNames({ llm, budget }: NameSources): KnownNames {
  const providers = Object.entries(llm.providers);
  return {
    loops: loopNames,
    providers: providers.map(([name]) => name),
    models: providers.flatMap(([name, { models }]) => models.map((model) => `${name}/${model}`)),
    services: [...listedServices, ...Object.keys(budget.service_prices)],
  };
}

/** @returns what is wrong with the name, and the nearest known one; undefined for a known name */
export function unknownName(kind: string, name: string, known: readonly string[]): string | undefined {
  if (known.includes(name)) return undefined;
  const near = nearest(name, known);
  return `No ${kind} is called ${name}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

export const unknownLoop = (name: string): string | undefined => unknownName("loop", name, loopNames);

/** An agent is called after its loop: heartbeat-1. It need not run yet. */
export function unknownAgent(id: string): string | undefined {
  const loop = /^(.+)-[1-9]\d*$/.exec(id)?.[1];
  if (loop !== undefined && loopNames.includes(loop)) return undefined;
  const near = nearest(loop ?? id, loopNames);
  const hint = near === undefined ? "" : `; did you mean ${near}-${/-(\d+)$/.exec(id)?.[1] ?? "1"}?`;
  return `No loop has an agent ${id}: agents are called LOOP-NUMBER, e.g. heartbeat-1${hint}`;
}

/**
 * @param pattern a method's name; with `isPattern` also `domain.*`
 * @param role the role that has to admit it
 */
export function unknownMethod(pattern: string, isPattern: boolean, role?: Role): string | undefined {
  const admitted = Object.entries(methods).flatMap(([name, spec]) => {
    const isAdmitted = role === undefined || (spec.roles as readonly Role[]).includes(role);
    return isAdmitted ? [name] : [];
  });
  const domains = isPattern ? [...new Set(admitted.map((name) => `${name.split(".", 1)[0]}.*`))] : [];
  if (admitted.includes(pattern) || domains.includes(pattern)) return undefined;
  if (Object.hasOwn(methods, pattern)) return `The role ${role} may not call ${pattern}`;
  const near = nearest(pattern, [...admitted, ...domains]);
  return `No method is called ${pattern}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

/** The scope of a budget's limit. Names of tasks and runs are free. */
export function unknownScope(scope: string, names: KnownNames): string | undefined {
  const [field = "", value] = split(scope);
  if (value === undefined || value === "*" || field === "task" || field === "run") return undefined;
  if (field === "loop") return unknownName("loop", value, names.loops);
  if (field === "agent") return unknownAgent(value);
  if (field === "model") return unknownName("model or service", value, [...names.models, ...names.services]);
  const ofServices = names.services.map((service) => service.split(".", 1)[0] ?? "");
  return unknownName("provider", value, [...new Set([...names.providers, ...ofServices, callsProvider])]);
}

/** What voice calls are counted as. */
const callsProvider = "webrtc";

const split = (scope: string): string[] => {
  const colon = scope.indexOf(":");
  return colon < 0 ? [scope] : [scope.slice(0, colon), scope.slice(colon + 1)];
};

const domains = [...new Set(Object.values(events).map(({ channel }) => channel.split(".", 1)[0] ?? ""))];

/** A channel of the bridge's own domains has to be one that events come on. Other channels are whatever their publishers call them. */
export function unknownChannel(pattern: string): string | undefined {
  const segments = pattern.split(".");
  const [first = "", second = "*"] = segments;
  if (first === "*" || first === ">") return undefined;
  if (first === "agent") return ["*", ">"].includes(second) ? undefined : unknownAgent(second);
  if (!domains.includes(first)) {
    const near = domains.find((domain) => isOneOff(first, domain));
    return near === undefined
      ? undefined
      : `No events come on ${pattern}; did you mean ${near}${pattern.slice(first.length)}?`;
  }
  const channels = Object.values(events).map(({ channel }) => channel);
  if (channels.some((channel) => mayMatch(segments, channel.split(".")))) return undefined;
  const near = nearest(pattern, channels);
  return `No events come on ${pattern}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

/** Whether the names differ by one letter, or by two neighbours that are swapped, behind the same first letter. */
export function isOneOff(name: string, other: string): boolean {
  if (name.length < 4 || name[0] !== other[0] || name === `${other}s`) return false;
  const at = [...name].findIndex((letter, index) => letter !== other[index]);
  const start = at < 0 ? name.length : at;
  const [left, right] = [name.slice(start), other.slice(start)];
  const isSwapped = left[0] === right[1] && left[1] === right[0] && left.slice(2) === right.slice(2);
  return isSwapped || left.slice(1) === right.slice(1) || left.slice(1) === right || left === right.slice(1);
}

/** Whether some channel of this form, whose names in angle brackets stand for any number of segments, is among those of the pattern. */
function mayMatch([head, ...rest]: readonly string[], [part, ...others]: readonly string[]): boolean {
  if (head === undefined || part === undefined) return head === part;
  if (head === ">") return true;
  if (part.startsWith("<")) return mayMatch(rest, others) || mayMatch(rest, [part, ...others]);
  return (head === "*" || head === part) && mayMatch(rest, others);
}
