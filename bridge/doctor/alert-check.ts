import type { DoctorCheck } from "@armorclaw/protocol";
import { alertRoutes, type Config } from "../config/index.ts";
import { listStuck } from "../outbox/index.ts";
import type { Store } from "../store/index.ts";
import { ok, trouble, warning } from "./finding.ts";

/** What is known of the rooms that the bridge is in. */
export interface JoinedRooms {
  readonly isLoggedIn: boolean;
  /** The configured ids of the rooms; undefined while the homeserver does not answer. */
  readonly joined: ReadonlySet<string> | undefined;
}

const invite = "Invite the bridge's account to the room again, or run `armorclaw matrix join ROOM`";

/** Checks that alerts have somewhere to go and can get there, and that no message waits for a room or webhook that cannot be reached. */
export function checkAlerts(store: Store, config: Config, rooms: JoinedRooms): DoctorCheck[] {
  const routes = alertRoutes(config);
  const waiting = store
    .read(listStuck)
    .map(({ destination, lane, messages, reason }) =>
      trouble(
        "alerts",
        `${messages} messages were not delivered to the ${destination} ${destination === "matrix" ? "room " : ""}${lane}: ${reason}`,
        `${destination === "matrix" ? invite : "Check that the webhook's URL answers"}. Then \`armorclaw queue list\` shows what waits`,
      ),
    );
  if (waiting.length > 0) return waiting;
  if (routes.length === 0)
    return [
      warning(
        "alerts",
        "Alerts go nowhere: no room or webhook is configured for them",
        "Add [[alerts.to]] to the configuration",
      ),
    ];
  return routes.map(({ destination, lane }) => {
    if (destination === "webhook") {
      const sentAtMs = lastSentAt(store, lane);
      if (sentAtMs !== undefined)
        return ok(
          "alerts",
          `Alerts go to the webhook ${lane}, which took a message at ${new Date(sentAtMs).toISOString()}`,
        );
      return warning(
        "alerts",
        `Alerts go to the webhook ${lane}. No message was sent there in the last seven days, so it is not known whether it answers`,
        "Look at the URL under [webhooks] in the configuration",
      );
    }
    if (!rooms.isLoggedIn)
      return trouble(
        "alerts",
        `Alerts go to the room ${lane}, and the bridge is not logged in`,
        "armorclaw matrix login",
      );
    if (rooms.joined === undefined)
      return warning(
        "alerts",
        `Alerts go to the room ${lane}. The homeserver does not answer, so it is not known whether the bridge is in it`,
        "armorclaw matrix status",
      );
    if (!rooms.joined.has(lane))
      return trouble("alerts", `Alerts go to the room ${lane}, and the bridge is not in it`, invite);
    return ok("alerts", `Alerts go to the room ${lane}, and the bridge is in it`);
  });
}

function lastSentAt(store: Store, lane: string): number | undefined {
  const statement =
    "SELECT max(settled_at_ms) AS ms FROM outbox WHERE destination = 'webhook' AND lane = ? AND state = 'sent'";
  const ms = store.read((sql) => sql.get(statement, lane))?.["ms"];
  return ms === null || ms === undefined ? undefined : Number(ms);
}
