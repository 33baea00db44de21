import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BridgeClient, connect } from "@armorclaw/client-sdk";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { WebSocket, WebSocketServer } from "ws";
import type { BrowserOptions, connect as connectInPage } from "../../client-sdk/browser.ts";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { hasChromium, startChromium } from "../support/voice/chromium.ts";
import { listenerPort } from "../support/wire/listener-port.ts";
import { sdkForPages, servePage } from "../support/wire/sdk-page.ts";
import { expectSealedTraffic } from "../support/wire/sealed-traffic.ts";

const sealKey = new Uint8Array(32).fill(42);
const subprotocol = "armorclaw.jsonrpc.v1";

describe("the sealed listener of the real daemon", () => {
  const directory = tempDirectory();
  let daemon: TestDaemon;
  let page: Awaited<ReturnType<typeof servePage>>;
  let url = "";
  let token = "";

  beforeAll(async () => {
    const file = join(directory.path, "seal.key");
    writeFileSync(file, `${Buffer.from(sealKey).toString("base64")}\n`, { mode: 0o600 });
    page = await servePage(await sdkForPages());
    const settings = [
      "listen.websocket.address=127.0.0.1:0",
      `listen.websocket.seal_key_file=${file}`,
      `listen.websocket.origins=${page.origin}`,
    ];
    daemon = await startTestDaemon({ engine: "process", flags: settings.flatMap((setting) => ["--set", setting]) });
    url = `ws://127.0.0.1:${await listenerPort(daemon, "websocket listener")}`;
    const { stdout } = await daemon.cli(["token", "create", "--name", "seal", "--role", "admin", "--json"]);
    token = (JSON.parse(stdout) as { token: string }).token;
  }, 60_000);

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
    page[Symbol.dispose]();
  });

  const open = (how: { readonly url?: string; readonly sealKey?: Uint8Array }): Promise<BridgeClient> =>
    connect({ url, token, reconnect: false, ...how });

  test("serves calls, long ones too, and events", async () => {
    await using client = await open({ sealKey });
    expect(await client.call("rpc.ping")).toEqual({ pong: true });
    await expectSealedTraffic(client, 50);
  });

  test("refuses a peer that does not seal, or seals under another key", async () => {
    await expect(open({})).rejects.toThrow("No bridge answers");
    await expect(open({ sealKey: new Uint8Array(32).fill(1) })).rejects.toThrow("No bridge answers");
    await until("the log", () => daemon.process.output.stderr.includes("A sealed connection was closed"));
  });

  test("does not serve HTTP, which would be unsealed", async () => {
    await expect(open({ url: "http://127.0.0.1:1", sealKey })).rejects.toThrow("HTTP is not sealed");
  });

  /** Forwards messages between a client and the bridge, like an attacker on the path. */
  async function between(toBridge: (message: string, index: number) => readonly string[]) {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => subprotocol });
    await once(server, "listening");
    const seen: string[] = [];
    server.on("connection", (client) => {
      const bridge = new WebSocket(url, [subprotocol]);
      const waiting: string[] = [];
      let index = 0;
      client.on("message", (data: Buffer) => {
        seen.push(data.toString());
        const messages = toBridge(data.toString(), index++);
        if (bridge.readyState === WebSocket.OPEN) for (const message of messages) bridge.send(message);
        else waiting.push(...messages);
      });
      bridge.on("open", () => {
        for (const message of waiting.splice(0)) bridge.send(message);
      });
      bridge.on("message", (data: Buffer) => client.send(data.toString()));
      bridge.on("error", () => undefined);
      bridge.on("close", () => client.terminate());
      client.on("close", () => bridge.terminate());
    });
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { url: `ws://127.0.0.1:${port}`, seen, [Symbol.dispose]: () => void server.close() };
  }

  const publish = (client: BridgeClient) =>
    client.call("event.publish", { channel: "sealed.attack", type: "sealed.told", data: {} });
  const published = async () => {
    const { stdout } = await daemon.cli(["event", "history", "--json"]);
    return stdout.split("sealed.attack").length - 1;
  };

  test("shows an interceptor no plain text, and runs a call once that is sent twice", async () => {
    // The greeting and the token are sent first.
    using middle = await between((message, index) => (index === 2 ? [message, message] : [message]));
    await using client = await open({ url: middle.url, sealKey });
    const before = await published();
    await publish(client).catch(() => undefined);
    await until(
      "the end of the connection",
      async () => (await client.call("rpc.ping").catch(() => "ended")) === "ended",
    );
    expect((await published()) - before).toBe(1);
    expect(middle.seen.join()).not.toContain(token);
    expect(middle.seen.join()).not.toContain("sealed.attack");
  });

  test.each<[string, (message: string) => string]>([
    ["changed", (message) => `${message.startsWith("A") ? "B" : "A"}${message.slice(1)}`],
    ["cut short", (message) => message.slice(0, -8)],
  ])("runs no call that was %s", async (_, attack) => {
    using middle = await between((message, index) => [index === 2 ? attack(message) : message]);
    await using client = await open({ url: middle.url, sealKey });
    const before = await published();
    await expect(publish(client)).rejects.toThrow();
    expect(await published()).toBe(before);
  });

  describeIf(hasChromium, "chromium is not installed", "a page in Chromium", () => {
    test("seals its calls and opens its events, and is refused under another key", async () => {
      await using browser = await startChromium();
      const tab = await browser.newPage();
      const sent: string[] = [];
      tab.on("websocket", (socket) => {
        socket.on("framesent", ({ payload }) => sent.push(payload.toString()));
        socket.on("framereceived", ({ payload }) => sent.push(payload.toString()));
      });
      await tab.goto(page.origin);
      const told = await tab.evaluate(
        async ([where, secret, key]) => {
          const { armorclaw } = window as unknown as { armorclaw: { connect: typeof connectInPage } };
          const options: BrowserOptions = { url: where, token: secret, sealKey: new Uint8Array(key), reconnect: false };
          const client = await armorclaw.connect(options);
          const events = client.subscribe({ channels: ["sealed.page"] });
          await events.ready;
          await client.call("event.publish", { channel: "sealed.page", type: "sealed.told", data: { text: "ü" } });
          let data: unknown;
          for await (const event of events) {
            data = event.data;
            break;
          }
          await client.close();
          const wrong = { ...options, sealKey: new Uint8Array(32) };
          return { data, refusal: await armorclaw.connect(wrong).then(String, String) };
        },
        [url, token, [...sealKey]] as const,
      );
      expect(told.data).toEqual({ text: "ü" });
      expect(told.refusal).toContain("No bridge answers");
      expect(sent.length).toBeGreaterThan(6);
      expect(sent.join("\n")).not.toMatch(/jsonrpc|sealed\.page/);
      expect(sent.join("\n")).not.toContain(token);
    }, 60_000);
  });
});
