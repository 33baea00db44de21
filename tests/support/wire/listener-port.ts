import type { TestDaemon } from "../daemon.ts";
import { until } from "../until.ts";

/** Returns the port that the system chose for a listener, from the log. Two listeners at the same address are logged as one, under the first's name. */
export const listenerPort = (daemon: TestDaemon, listener: "http listener" | "websocket listener"): Promise<number> =>
  until(`the ${listener}`, () => {
    const lines = daemon.process.output.stderr.split("\n").filter((text) => text.includes("A listener is open"));
    return lines
      .map((line) => JSON.parse(line) as { listener: string; port: number })
      .find((told) => told.listener === listener)?.port;
  });
