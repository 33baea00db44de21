import { events, HttpMethod, PrincipalId } from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";
import * as z from "zod";
import {
  defaultAlertRules,
  isOneOff,
  type KnownNames,
  knownNames,
  loopNames,
  unknownAgent,
  unknownChannel,
  unknownLoop,
  unknownMethod,
  unknownName,
  unknownScope,
} from "./known-names.ts";
import type { ConfigValues } from "./schema.ts";

/** A key of the configuration and what is wrong with its value. */
export interface NameFault {
  readonly key: string;
  readonly message: string;
}

/**
 * Checks every name in a configuration that stands for something else. A rule, a limit or a policy for a name that nothing has
 * would do nothing, and nobody would notice.
 */
export function nameFaults(config: ConfigValues): NameFault[] {
  const names = knownNames(config);
  return [
    ...list("agents.start", config.agents.start, unknownLoop),
    ...approvalFaults(config),
    ...alertFaults(config),
    ...moneyFaults(config, names),
    ...modelFaults(config, names),
    ...loopFaults(config),
    ...roomFaults(config),
    ...list("http.private_hosts", config.http.private_hosts, wrongHost),
    ...list("listen.websocket.origins", config.listen.websocket.origins, wrongOrigin),
    ...list("webrtc.origins", config.webrtc.origins, wrongOrigin),
  ];
}

const fault = (key: string, message: string | undefined): NameFault[] =>
  message === undefined ? [] : [{ key, message }];

const list = <T>(key: string, values: readonly T[], check: (value: T) => string | undefined): NameFault[] =>
  values.flatMap((value, at) => fault(`${key}.${at}`, check(value)));

function approvalFaults({ approvals, loops }: ConfigValues): NameFault[] {
  const hosts = Object.values(loops).flatMap(({ secrets = [] }) =>
    secrets.flatMap(({ destinations }) => destinations.map(({ host }) => host)),
  );
  return approvals.rules.flatMap((rule, at) => {
    const key = `approvals.rules.${at}`;
    const { method, loops: forLoops = [], hosts: forHosts = [], http_methods = [], answerers = [] } = rule;
    const isHttp = method === "http.request";
    const extra = isHttp ? undefined : (["hosts", "http_methods"] as const).find((name) => rule[name] !== undefined);
    return [
      ...fault(`${key}.method`, unknownMethod(method, false, "agent")),
      ...(extra === undefined ? [] : fault(`${key}.${extra}`, `Only a rule for http.request may have ${extra}`)),
      ...list(`${key}.loops`, forLoops, unknownLoop),
      ...list(`${key}.hosts`, isHttp ? forHosts : [], (host) => wrongHost(host) ?? unreachedHost(host, hosts)),
      ...list(`${key}.http_methods`, http_methods, wrongHttpMethod),
      ...list(`${key}.answerers`, answerers, wrongAnswerer),
      ...emptyLists(key, rule),
    ];
  });
}

/** A rule with an empty list would apply to nothing, or leave nobody who may answer. */
const emptyLists = (key: string, rule: Readonly<Record<string, unknown>>): NameFault[] =>
  ["loops", "hosts", "http_methods", "answerers"].flatMap((name) => {
    const value = rule[name];
    return Array.isArray(value) && value.length === 0
      ? fault(`${key}.${name}`, "The list is empty. Leave it out, or name at least one")
      : [];
  });

function unreachedHost(host: string, known: readonly string[]): string | undefined {
  if (known.includes(host)) return undefined;
  const near = nearest(host, known);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return `No secret of a loop may be sent to ${host}, so the rule would never apply${hint}`;
}

function wrongHttpMethod(method: string): string | undefined {
  if (HttpMethod.options.some((known) => known === method)) return undefined;
  const near = nearest(method.toUpperCase(), HttpMethod.options);
  return `No HTTP method is called ${method}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

function wrongAnswerer(principal: string): string | undefined {
  if (!PrincipalId.safeParse(principal).success) return "Expected user:UID, token:NAME or matrix:@NAME:SERVER";
  return /^(?:agent:|bridge$)/.test(principal) ? `${principal} is no person and answers no question` : undefined;
}

/** Hosts are compared as the URL parser writes them. */
function wrongHost(host: string): string | undefined {
  const text = /^\[.*\]$|^[^:]*$/.test(host) ? `https://${host}` : host;
  const parsed = URL.canParse(text) ? new URL(text).hostname.replace(/\.$/, "") : "";
  if (parsed === host && !host.includes("*")) return undefined;
  const isUsable = /^[a-z0-9.:[\]-]+$/.test(parsed);
  return isUsable
    ? `Expected a host name without scheme, port and path; did you mean ${parsed}?`
    : "Expected one exact host name";
}

/** Origins are compared as browsers send them. */
function wrongOrigin(origin: string): string | undefined {
  const parsed = URL.canParse(origin) ? new URL(origin).origin : "null";
  if (parsed === origin && parsed !== "null") return undefined;
  return parsed === "null"
    ? "Expected an origin, e.g. https://example.org"
    : `Expected an origin without a path; did you mean ${parsed}?`;
}

const eventTypes = Object.keys(events);
const eventDomains = [...new Set(eventTypes.map((type) => type.split(".", 1)[0] ?? ""))];

/** The bridge's own types are known. Agents and people give other types to what they publish. */
function unknownType(type: string): string | undefined {
  if (eventTypes.includes(type)) return undefined;
  const [domain = ""] = type.split(".", 1);
  const isOwn = eventDomains.some((known) => known === domain || isOneOff(domain, known));
  if (!isOwn) return undefined;
  const near = nearest(type, eventTypes);
  return `No event has the type ${type}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

function alertFaults({ alerts }: ConfigValues): NameFault[] {
  const ruleNames = [...defaultAlertRules, ...alerts.rules.map(({ name }) => name)];
  return [
    ...list("alerts.off", alerts.off, (name) => unknownName("alert rule", name, ruleNames)),
    ...alerts.rules.flatMap(({ name, types, recovered_by = [], text, key, data = {} }, at) => {
      const place = `alerts.rules.${at}`;
      const isTwice = alerts.rules.findIndex((rule) => rule.name === name) !== at;
      const fields = [...`${text} ${key}`.matchAll(/\{([\w.]+)(?::unit)?\}/g)].map(([, path = ""]) => path);
      return [
        ...fault(`${place}.name`, isTwice ? `Another rule is called ${name}` : undefined),
        ...list(`${place}.types`, types, unknownType),
        ...list(`${place}.recovered_by`, recovered_by, unknownType),
        ...fields.flatMap((path) => fault(`${place}.text`, unknownField(path, types))),
        ...Object.keys(data).flatMap((path) => fault(`${place}.data`, unknownField(path, types))),
      ];
    }),
  ];
}

/** A field that no event of these types has. What agents publish has any fields. */
function unknownField(path: string, types: readonly string[]): string | undefined {
  if (path === "type" || path === "source") return undefined;
  const schemas = types.map((type): z.ZodType | undefined => {
    const known: Readonly<Record<string, { readonly data: z.ZodType }>> = events;
    return Object.hasOwn(known, type) ? known[type]?.data : undefined;
  });
  if (schemas.some((schema) => schema === undefined || hasField(schema, path.split(".")))) return undefined;
  const fields = schemas.flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []));
  const near = nearest(path, fields);
  return `Events of ${types.join(", ")} have no field ${path}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

function hasField(schema: z.ZodType, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return true;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return hasField(schema.def.innerType as z.ZodType, [name, ...rest]);
  if (schema instanceof z.ZodUnion)
    return (schema.def.options as readonly z.ZodType[]).some((option) => hasField(option, [name, ...rest]));
  if (!(schema instanceof z.ZodObject))
    return schema instanceof z.ZodRecord || schema instanceof z.ZodUnknown || schema instanceof z.ZodArray;
  const shape = schema.shape as Readonly<Record<string, z.ZodType>>;
  const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
  return field !== undefined && hasField(field, rest);
}

function moneyFaults({ budget }: ConfigValues, names: KnownNames): NameFault[] {
  const idOf = ({ scope, window, unit }: (typeof budget.limits)[number]) => `${scope} per ${window} in ${unit}`;
  const priced = Object.keys(budget.prices).flatMap((model) =>
    fault(`budget.prices.${model}`, unknownName("model", model, names.models)),
  );
  const limited = budget.limits.flatMap((limit, at) => {
    const key = `budget.limits.${at}`;
    const { scope, soft, hard } = limit;
    const isTwice = budget.limits.findIndex((other) => idOf(other) === idOf(limit)) !== at;
    return [
      ...fault(`${key}.scope`, unknownScope(scope, names)),
      ...fault(key, isTwice ? `Another limit is for ${idOf(limit)} too` : undefined),
      ...fault(key, soft === undefined && hard === undefined ? "A limit needs `soft` or `hard`" : undefined),
      ...fault(
        `${key}.soft`,
        soft !== undefined && hard !== undefined && soft > hard
          ? "soft is above hard and would never be reached"
          : undefined,
      ),
    ];
  });
  return [...priced, ...limited];
}

function modelFaults({ llm }: ConfigValues, names: KnownNames): NameFault[] {
  const unknownModel = (model: string) => unknownName("model", model, names.models);
  const unknownPolicy = (name: string) =>
    loopNames.includes(name) || unknownAgent(name) === undefined
      ? undefined
      : unknownName("loop or agent", name, loopNames);
  const unknownAllowed = (pattern: string) =>
    pattern === "*"
      ? undefined
      : unknownName("model", pattern, [...names.models, ...names.providers.map((one) => `${one}/*`)]);
  return [
    ...Object.entries(llm.policies).flatMap(([name, { models }]) => [
      ...fault(`llm.policies.${name}`, unknownPolicy(name)),
      ...list(`llm.policies.${name}.models`, models, unknownAllowed),
    ]),
    ...Object.entries(llm.fallbacks).flatMap(([model, others]) => [
      ...fault(`llm.fallbacks.${model}`, unknownModel(model)),
      ...list(`llm.fallbacks.${model}`, others, unknownModel),
    ]),
  ];
}

function loopFaults({ loops, matrix }: ConfigValues): NameFault[] {
  return Object.entries(loops).flatMap(([name, { after = [], subscriptions = [], rooms = [] }]) => {
    const key = `loops.${name}`;
    const unknownAfter = (loop: string) => (loop === name ? "A loop cannot start after itself" : unknownLoop(loop));
    return [
      ...fault(key, unknownLoop(name)),
      ...list(`${key}.after`, after, unknownAfter),
      ...list(`${key}.subscriptions`, subscriptions, unknownChannel),
      ...list(`${key}.rooms`, rooms, (room) => unknownRoom(room, matrix.rooms)),
    ];
  });
}

function roomFaults({ matrix, webrtc }: ConfigValues): NameFault[] {
  const { approval_room: approvalRoom } = matrix;
  return [
    ...(approvalRoom === undefined ? [] : fault("matrix.approval_room", unknownRoom(approvalRoom, matrix.rooms))),
    ...Object.entries(webrtc.room_agents).flatMap(([room, { agent, stt_agent, tts_agent }]) => {
      const key = `webrtc.room_agents.${room}`;
      const agents = { agent, stt_agent, tts_agent };
      return [
        ...fault(key, unknownRoom(room, matrix.rooms)),
        ...Object.entries(agents).flatMap(([field, id]) =>
          id === undefined ? [] : fault(`${key}.${field}`, unknownAgent(id)),
        ),
      ];
    }),
    // Calls may have rooms of their own, so only a name that is almost one of Matrix's is taken for a mistake.
    ...Object.keys(webrtc.rooms).flatMap((room) =>
      nearest(room, matrix.rooms) === undefined ? [] : fault(`webrtc.rooms.${room}`, unknownRoom(room, matrix.rooms)),
    ),
  ];
}

function unknownRoom(room: string, known: readonly string[]): string | undefined {
  if (known.includes(room)) return undefined;
  const near = nearest(room, known);
  return `${room} is not in matrix.rooms${near === undefined ? ". Add it there" : `; did you mean ${near}?`}`;
}
