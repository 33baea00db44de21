import type { DoctorCheck } from "@armorclaw/protocol";
import { alertRoutes, type Config } from "../config/index.ts";
import { listStuck } from "../outbox/index.ts";
import type { Store } from "../store/index.ts";
import { ok, trouble, warning } from "./finding.ts";

/** Checks that alerts have somewhere to go, and that no message waits for a room or webhook that cannot be reached. */
export function checkAlerts(store: Store, config: Config): DoctorCheck[] {
  const routes = alertRoutes(config);
  const waiting = store
    .read(listStuck)
    .map(({ destination, lane, messages, reason }) =>
      trouble(
        "alerts",
        `${messages} messages were not delivered to the ${destination} ${destination === "matrix" ? "room " : ""}${lane}: ${reason}`,
        "For a room: invite the bridge again, or `armorclaw matrix join ROOM`. Then `armorclaw queue list` shows what waits",
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
  return [ok("alerts", `Alerts go to ${routes.map(({ destination, lane }) => `${destination} ${lane}`).join(", ")}`)];
}
