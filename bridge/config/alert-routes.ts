import type { Config } from "./schema.ts";

type Routes = Config["alerts"]["to"];
type Places = Pick<Config, "alerts" | "matrix" | "webhooks">;

/** The configured routes of alerts. Without any, alerts go where approvals are asked for, or else to the first webhook. */
export function alertRoutes(config: Places): Routes {
  const { alerts, matrix } = config;
  if (alerts.to.length > 0) return alerts.to;
  const places = alertPlaces(config);
  const first = places.find(({ lane }) => lane === matrix.approvalRoom) ?? places[0];
  return first === undefined ? [] : [{ ...first, minSeverity: "warning" }];
}

/** Everywhere that an alert could go: the configured rooms, and then the webhooks. */
export const alertPlaces = ({ matrix, webhooks }: Places): Pick<Routes[number], "destination" | "lane">[] => [
  ...matrix.rooms.map((lane) => ({ destination: "matrix" as const, lane })),
  ...Object.keys(webhooks).map((lane) => ({ destination: "webhook" as const, lane })),
];
