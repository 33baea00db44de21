import * as z from "zod";

const severity = z.enum(["info", "warning", "critical"]);
const time = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, "Expected HH:MM");

const isTimeZone = (name: string): boolean => {
  // The default is not looked up: the first look-up loads 8 MB of time zones.
  if (name === "UTC") return true;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
};

const AlertRoute = z.strictObject({
  destination: z.enum(["matrix", "webhook"]),
  lane: z.string().min(1).max(255).describe("The room's id, or the webhook's name."),
  min_severity: severity.default("warning"),
});

const AlertRule = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/),
  types: z.array(z.string().min(1).max(100)).min(1).max(32).describe("The event types that raise the alert."),
  data: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .optional()
    .describe("Only events whose data has these values at these dotted paths."),
  severity: severity.default("warning"),
  key: z.string().min(1).max(200).default("{type} {source}").describe("Alerts of the rule with the same key are one."),
  text: z.string().min(1).max(500).describe("The alert's text. {field} stands for a field of the event's data."),
  recovered_by: z.array(z.string().min(1).max(100)).max(32).optional(),
});

/** Which alerts a person gets, where, and when. */
export const AlertsConfig = z
  .strictObject({
    to: z
      .array(AlertRoute)
      .max(16)
      .default([])
      .describe(
        "Where alerts go. When it is empty, alerts go to `matrix.approval_room`, else to the first of `matrix.rooms`, else to the first of `webhooks`. While no route can be reached, alerts go to another room or webhook of the configuration too.",
      ),
    rules: z
      .array(AlertRule)
      .max(100)
      .default([])
      .describe("Rules besides the default ones; a rule with the name of a default rule replaces it."),
    off: z.array(z.string()).max(100).default([]).describe("Names of the default rules that are switched off."),
    digest_ms: z
      .int()
      .min(0)
      .max(86_400_000)
      .default(60_000)
      .describe("After an alert was sent, alerts that are not critical are gathered for this long and sent together."),
    repeat_ms: z
      .int()
      .min(1_000)
      .max(604_800_000)
      .default(3_600_000)
      .describe("An alert that is still open is sent again after this long."),
    quiet_hours: z
      .strictObject({
        from: time,
        to: time,
        time_zone: z.string().refine(isTimeZone, "Expected a time zone, e.g. Europe/Berlin").default("UTC"),
      })
      .optional()
      .describe("In this span of the day only critical alerts are sent."),
    pulse_url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe(
        "The address of an outside watcher. The bridge calls it regularly, so that the watcher notices when the bridge is down.",
      ),
    pulse_every_ms: z.int().min(1_000).max(3_600_000).default(60_000),
    disk_free_bytes_min: z
      .int()
      .min(0)
      .default(256 * 1024 * 1024)
      .describe("An alert is sent when the state directory's disk has less free space than this."),
  })
  .prefault({});
