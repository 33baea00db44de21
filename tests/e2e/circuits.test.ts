import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { agentCall, asAgent } from "../support/engines/agent-line.ts";
import { listenOnLoopback } from "../support/loopback.ts";
import { startPager } from "../support/matrix/pager.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { unixFetch } from "../support/wire/unix-fetch.ts";

const failuresMax = 3;

/** Returns how many destinations of a class `/metrics` shows in a state. */
async function circuits(daemon: TestDaemon, destination: string, state: string): Promise<number> {
  const page = await (await unixFetch(daemon.socket)("http://bridge/metrics")).text();
  const name = `armorclaw_circuits{destination="${destination}",state="${state}"} `;
  return Number(
    page
      .split("\n")
      .find((line) => line.startsWith(name))
      ?.slice(name.length),
  );
}

async function startHost() {
  const host = { status: 200, calls: 0 };
  const server = createServer((request, response) => {
    host.calls += 1;
    request.resume().on("end", () => response.writeHead(host.status).end());
  });
  const port = await listenOnLoopback(server);
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return { host, port, [Symbol.asyncDispose]: close };
}

test("a failing host is retried for an agent's GET, then gets no calls of that agent, and is called again when it is back", async () => {
  await using served = await startHost();
  const { host, port } = served;
  using temp = tempDirectory();
  const config = join(temp.path, "config.toml");
  const openMs = 8_000;
  writeFileSync(
    config,
    `[http]\nprivate_hosts = ["127.0.0.1"]\nfailures_max = ${failuresMax}\nopen_ms = ${openMs}
[[loops.heartbeat.secrets]]\nname = "api"\nmode = "use"\npurpose = "calling"
destinations = [{ host = "127.0.0.1", port = ${port}, methods = ["GET", "POST"], path = "/v1" }]\n`,
  );
  const flags = ["--config", config];
  await using daemon = await startTestDaemon({ engine: "sandbox", start: ["heartbeat"], flags });
  await until("the agent runs", async () => (await daemon.client.bridge.status()).agents.running === 1);
  await daemon.client.keystore.store({ provider: "openai", id: "api", token: "sk-proj-0123456789abcdefghijklmn" });
  await daemon.client.access.grant({ loop: "heartbeat", name: "api" });
  const claim = await agentCall(daemon, "heartbeat-1", "secret.claim");
  const [secret] = (claim.result as { secrets: { value: string }[] }).secrets;
  const request = (method: string) => ({
    method: "http.request",
    params: { url: `http://127.0.0.1:${port}/v1/x`, method, headers: { authorization: `Bearer ${secret?.value}` } },
  });

  host.status = 503;
  const [failed] = await asAgent(daemon, "heartbeat-1", [request("GET")]);
  expect(failed?.result).toMatchObject({ status: 503 });
  expect(host.calls).toBe(failuresMax);
  expect(await circuits(daemon, "http", "open")).toBe(1);
  const refused = await asAgent(daemon, "heartbeat-1", ["GET", "POST", "GET", "POST"].map(request));
  for (const { error } of refused) {
    expect(error?.data).toMatchObject({ code: "HTTP_UNAVAILABLE", retryable: true });
    expect(error?.data.details?.["retry_after_ms"]).toBeLessThanOrEqual(openMs);
  }
  expect(host.calls).toBe(failuresMax);

  host.status = 200;
  await until("the host is called again", async () => {
    const [answer] = await asAgent(daemon, "heartbeat-1", [request("POST")]);
    return answer?.result?.["status"] === 200;
  });
  expect(host.calls).toBe(failuresMax + 1);
  expect([await circuits(daemon, "http", "open"), await circuits(daemon, "http", "closed")]).toEqual([0, 1]);
}, 90_000);

test("two webhooks at a receiver that is down share a circuit, and deliver everything in order when it is back", async () => {
  await using receiver = await startPager();
  using temp = tempDirectory();
  const config = join(temp.path, "config.toml");
  const openMs = 2_500;
  const lanes = ["first", "second"];
  const to = lanes.map((lane) => `[[alerts.to]]\ndestination = "webhook"\nlane = "${lane}"\n`).join("");
  writeFileSync(
    config,
    `[http]\nfailures_max = ${failuresMax}\nopen_ms = ${openMs}\n[alerts]\noff = ["bridge-interrupted"]\n${to}
[[alerts.rules]]\nname = "fire"\ntypes = ["test.fire"]\nseverity = "critical"\nkey = "{n}"\ntext = "fire {n}"
[webhooks]\n${lanes.map((lane) => `${lane} = "${receiver.url}/${lane}"`).join("\n")}\n`,
  );
  const flags = ["--config", config, "--set", "allow_unsandboxed=true"];
  await using daemon = await startTestDaemon({ engine: "process", flags });
  receiver.status = 503;
  const texts = Array.from({ length: 6 }, (_, n) => `fire ${n}`);
  for (const n of texts.keys())
    await daemon.client.event.publish({ channel: "house.kitchen", type: "test.fire", data: { n } });
  await until("the circuit of the receiver is open", async () => (await circuits(daemon, "webhook", "open")) === 1);
  // Both webhooks may be in flight when the last failure is counted.
  const atFirst = failuresMax + lanes.length - 1;
  expect(receiver.told.length).toBeLessThanOrEqual(atFirst);
  const start = performance.now();
  await until("it was tried again twice", () => receiver.told.length >= failuresMax + 2);
  const trials = Math.ceil((performance.now() - start) / openMs);
  expect(receiver.told.length).toBeLessThanOrEqual(atFirst + trials);

  const whileDown = receiver.told.length;
  receiver.status = 200;
  const taken = () => receiver.told.filter(({ isTaken }) => isTaken);
  await until("all are taken", () => taken().length === texts.length * lanes.length, 30_000);
  for (const lane of lanes)
    expect(taken().flatMap(({ path, text }) => (path === `/${lane}` ? [text] : []))).toEqual(texts);
  const sent = await until("nothing waits", async () => {
    const { messages } = await daemon.client.queue.list({});
    return messages.every(({ state }) => state === "sent") && messages;
  });
  // A message that was not tried counts no attempt.
  expect(sent.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(receiver.told.length);
  process.stderr.write(
    `circuits: ${whileDown} requests while the receiver was down, ${taken().length} of ${sent.length} messages taken after\n`,
  );
}, 90_000);
