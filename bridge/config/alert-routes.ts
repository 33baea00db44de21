import type { Config } from "./schema.ts";

/** The configured routes of alerts. Without any, alerts go where approvals are asked for. */
export function alertRoutes({ alerts, matrix }: Pick<Config, "alerts" | "matrix">): Config["alerts"]["to"] {
  const lane = matrix.approvalRoom ?? matrix.rooms[0];
  if (alerts.to.length > 0 || lane === undefined) return alerts.to;
  return [{ destination: "matrix", lane, minSeverity: "warning" }];
}
