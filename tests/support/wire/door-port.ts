import type { TestDaemon } from "../daemon.ts";
import { until } from "../until.ts";

/** The port of a door that listens where the system chose, as the log tells it. Doors at the same place are one, under the first's name. */
export const doorPort = (daemon: TestDaemon, door: "http door" | "websocket door"): Promise<number> =>
  until(`the ${door}`, () => {
    const lines = daemon.process.output.stderr.split("\n").filter((text) => text.includes("A door is open"));
    return lines.map((line) => JSON.parse(line) as { door: string; port: number }).find((told) => told.door === door)
      ?.port;
  });
