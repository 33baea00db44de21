import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { describeIf } from "../support/machine/require-part.ts";
import { until } from "../support/until.ts";
import { hasCoturn, startCoturn, turnSecret } from "../support/voice/coturn.ts";
import {
  type Firefox,
  type FirefoxPage,
  hasFirefox,
  recordFromBridge,
  startFirefox,
} from "../support/voice/firefox.ts";
import { toneShare } from "../support/voice/voice.ts";
import {
  admin,
  agentHears,
  agentPlays,
  type FakeAgent,
  plainCall,
  startVoiceBridge,
  type VoiceBridge,
  voiceSettings,
} from "../support/voice/voice-bridge.ts";

/** Firefox pairs no loopback candidate with its own candidates. */
const ownAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
const microphoneHertz = 440;

describeIf(
  hasFirefox && hasCoturn && ownAddress !== undefined,
  "firefox-esr or coturn is not installed, or there is no address but loopback",
  "a call from Firefox",
  () => {
    const address = ownAddress ?? "";
    let firefox: Firefox;
    let relay: Awaited<ReturnType<typeof startCoturn>>;
    let bridge: VoiceBridge;
    let agent: FakeAgent;

    beforeAll(async () => {
      [firefox, relay] = await Promise.all([startFirefox(microphoneHertz), startCoturn(address)]);
      const { media } = voiceSettings("");
      bridge = await startVoiceBridge({
        settings: {
          media: { ...media, addresses: [address] },
          turn: { urls: [relay.url], secret: turnSecret, ttlMs: 60_000 },
        },
      });
      agent = await bridge.agent("helper-1");
    }, 90_000);
    afterAll(async () => {
      await firefox?.[Symbol.asyncDispose]();
      await bridge?.[Symbol.asyncDispose]();
      await relay?.[Symbol.asyncDispose]();
    });

    async function callFromPage(plan: Partial<typeof plainCall> = {}): Promise<FirefoxPage> {
      const { token } = await bridge.calls.open(admin, { ...plainCall, bargeIn: false, ...plan });
      const page = await firefox.newPage();
      await page.goto(`${bridge.origin}/call/#token=${token}`);
      await page.evaluate(`document.getElementById("call").click()`);
      await until("the connection", async () => {
        return (await page.evaluate(`document.getElementById("state").textContent`)) === "Connected";
      });
      return page;
    }

    const pathOf = (page: FirefoxPage): Promise<unknown> =>
      page.evaluate(`bridgeCall.connection.getStats().then((report) => {
        const pair = [...report.values()].find((entry) => entry.type === "candidate-pair" && entry.selected);
        return report.get(pair.localCandidateId).candidateType;
      })`);

    async function pageHears(page: FirefoxPage, hertz: number): Promise<void> {
      agentPlays(agent, hertz, 6);
      // Earlier audio is played to its end first, and a recording may begin during it.
      await until(`${hertz} Hz in the page`, async () => {
        const heard = await recordFromBridge(page, 1_200);
        return toneShare(heard.slice(-24_000), hertz, 48_000) > 0.95;
      });
    }

    test("carries audio both ways over host candidates, including keys and an ICE restart", async () => {
      const page = await callFromPage();
      await agentHears(agent, microphoneHertz);
      await pageHears(page, 1_000);
      expect(await pathOf(page)).toMatch(/host|prflx/);
      await page.evaluate(`bridgeCall.press("5#")`);
      await until(
        "both keys",
        () =>
          agent
            .messages("digit")
            .map(({ digit }) => digit)
            .join("") === "5#",
      );
      const fragment = "bridgeCall.connection.remoteDescription.sdp.match(/ice-ufrag:(.*)/)[1]";
      const before = await page.evaluate(fragment);
      await page.evaluate("bridgeCall.restart().then(() => true)");
      expect(await page.evaluate(fragment)).not.toBe(before);
      const heardBefore = agent.heard().length;
      await until("a second of sound", () => agent.heard().length > heardBefore + 16_000);
      await agentHears(agent, microphoneHertz);
      await pageHears(page, 1_500);
      await page.evaluate("bridgeCall.end().then(() => true)");
      await until("the end", () => agent.messages("ended").some(({ reason }) => reason === "hang_up"));
    }, 60_000);

    test("uses only the relay when that is requested", async () => {
      const page = await callFromPage({ relayOnly: true });
      expect(await pathOf(page)).toBe("relay");
      const heardBefore = agent.heard().length;
      await until("half a second of sound", () => agent.heard().length > heardBefore + 8_000);
      await agentHears(agent, microphoneHertz);
      await pageHears(page, 1_200);
    }, 60_000);
  },
);
