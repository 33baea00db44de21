import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "../../../tests/support/manual-clock.ts";
import { until } from "../../../tests/support/until.ts";
import { silentLogger } from "../../logging/index.ts";
import { Circuits } from "./circuits.ts";
import { webhook } from "./webhook.ts";

describe("webhook()", () => {
  test("posts with an idempotency key, and classifies the answer", async () => {
    const seen: { key: unknown; body: string }[] = [];
    const answers = [200, 429, 503, 404];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += String(chunk);
      });
      request.on("end", () => {
        seen.push({ key: request.headers["idempotency-key"], body });
        response.writeHead(answers.shift() ?? 200, { "retry-after": "7" }).end();
      });
    }).listen(0, "127.0.0.1");
    await until("the server", () => server.listening);
    const { port } = server.address() as AddressInfo;
    const clock = new ManualClock();
    const circuits = new Circuits({ clock, logger: silentLogger }, { failuresMax: 2, openMs: 30_000 });
    const urls = { pager: `http://127.0.0.1:${port}/`, second: `http://127.0.0.1:${port}/second` };
    const hook = webhook(new Map(Object.entries(urls)), circuits);
    const one = {
      id: 1,
      attempts: 0,
      createdAtMs: 0,
      destination: "webhook",
      lane: "pager",
      dedupeKey: "k",
      body: { n: 1 },
    };
    const send = (lane: string) => hook.send({ ...one, lane }, "t1", AbortSignal.timeout(5_000));
    await send("pager");
    expect(seen).toEqual([{ key: "t1", body: '{"n":1}' }]);
    await expect(send("pager")).rejects.toMatchObject({ kind: "transient", retryAfterMs: 7_000 });
    await expect(send("pager")).rejects.toMatchObject({ kind: "transient" });
    await expect(send("pager")).rejects.toMatchObject({ kind: "permanent" });
    await expect(send("none")).rejects.toMatchObject({ kind: "permanent" });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(send("pager")).rejects.toMatchObject({ kind: "transient" });
    // Other webhooks at the same host share the circuit.
    await expect(send("second")).rejects.toMatchObject({ kind: "transient" });
    await expect(send("pager")).rejects.toMatchObject({ kind: "deferred", retryAfterMs: 30_000 });
    expect(circuits.states).toEqual(["open"]);
  });
});
