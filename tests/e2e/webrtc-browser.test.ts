import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { frequenciesOf } from "../../bridge/adapters/webrtc/calls/dtmf.ts";
import { repositoryRoot } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { until } from "../support/until.ts";
import { hasChromium, hearTone, playTone, selectedPair, startChromium } from "../support/voice/chromium.ts";
import { hasCoturn, startCoturn, turnSecret } from "../support/voice/coturn.ts";
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

const pageHears = (page: Page, hertz: number) =>
  until(`${hertz} Hz in the page`, async () => {
    const heard = await hearTone(page);
    return heard.rms > 0.2 && Math.abs(heard.hertz - hertz) < 12;
  });

const call = (page: Page) => page.getByRole("button", { name: "Call", exact: true }).click();
const stateIs = (page: Page, text: string) =>
  until(text, async () => (await page.locator("#state").textContent())?.startsWith(text) === true);
/** Each answer is delayed by this time; `heardMeanwhile` counts the packets that arrived during the last delay. */
const delayAnswers = (page: Page, delayMs: number) =>
  page.evaluate(`{
    const { connection } = bridgeCall;
    const accept = connection.setRemoteDescription.bind(connection);
    const packets = async () => [...(await connection.getStats()).values()].find(({ type }) => type === "inbound-rtp").packetsReceived;
    connection.setRemoteDescription = async (answer) => {
      const before = await packets();
      await new Promise((resolve) => setTimeout(resolve, ${delayMs}));
      window.heardMeanwhile = await packets() - before;
      await accept(answer);
    };
  }`);

describeIf(hasChromium && hasCoturn, "chromium or coturn is not installed", "a call from Chromium", () => {
  let browser: Browser;
  let relay: Awaited<ReturnType<typeof startCoturn>>;
  let bridge: VoiceBridge;
  let agent: FakeAgent;

  beforeAll(async () => {
    [browser, relay] = await Promise.all([startChromium(), startCoturn()]);
    bridge = await startVoiceBridge({
      settings: { turn: { urls: [relay.url], secret: turnSecret, ttlMs: 60_000 }, tokenTtlMs: 30_000 },
    });
    agent = await bridge.agent("helper-1");
  });
  afterAll(async () => {
    await browser?.close();
    await bridge?.[Symbol.asyncDispose]();
    await relay?.[Symbol.asyncDispose]();
  });

  async function openPage(hertz: number, plan: Partial<typeof plainCall> = {}, from = bridge): Promise<Page> {
    const page = await browser.newPage();
    await playTone(page, hertz);
    const { token } = await from.calls.open(admin, { ...plainCall, bargeIn: false, ...plan });
    await page.goto(`${from.origin}/call/#token=${token}`);
    return page;
  }

  test("carries audio both ways over host candidates, and is muted, held, and ended", async () => {
    await using page = await openPage(440);
    await call(page);
    await stateIs(page, "Connected");
    await agentHears(agent, 440);
    agentPlays(agent, 1_000, 6);
    await pageHears(page, 1_000);
    expect(page.url()).not.toContain("token");
    expect((await selectedPair(page)).local).toBe("host");

    await page.getByRole("button", { name: "Mute" }).click();
    await until("the mute", async () => (await page.locator("#mute").getAttribute("aria-pressed")) === "true");
    const heardWhenMuted = agent.heard().length;
    await page.getByRole("button", { name: "Mute" }).click();
    await until("sound again", () => agent.heard().length > heardWhenMuted + 16_000);
    await page.getByRole("button", { name: "Hold" }).click();
    await stateIs(page, "On hold");
    await page.getByRole("button", { name: "Hold" }).click();
    await stateIs(page, "Connected");

    await page.getByRole("button", { name: "Hang up" }).click();
    await stateIs(page, "The call has ended");
    await until("the end", () => agent.messages("ended").some(({ reason }) => reason === "hang_up"));
  });

  test("reports to the agent which keys were pressed, and plays the agent's keys in the page", async () => {
    await using page = await openPage(440);
    await call(page);
    await stateIs(page, "Connected");
    const pressed = () => agent.messages("digit").map(({ digit }) => digit);
    const pressedBefore = pressed().length;
    await page.evaluate(`bridgeCall.press("1#9")`);
    await until("the three keys", () => pressed().length === pressedBefore + 3);
    expect(pressed().slice(pressedBefore).join("")).toBe("1#9");
    const { call: number } = agent.messages("call").at(-1) ?? {};
    agent.send({ kind: "message", message: { type: "press", call: number, digits: "7".repeat(20) } });
    await until("a tone of the key 7", async () => {
      const { hertz } = await hearTone(page);
      return frequenciesOf("7")?.some((wanted) => Math.abs(hertz - wanted) < 12);
    });
    await page.getByRole("button", { name: "Hang up" }).click();
  });

  test("uses only the relay when that is requested", async () => {
    await using page = await openPage(620, { relayOnly: true });
    await call(page);
    await stateIs(page, "Connected");
    expect((await selectedPair(page)).local).toBe("relay");
    await agentHears(agent, 620);
    agentPlays(agent, 1_200, 6);
    await pageHears(page, 1_200);
  });

  test("is refused by the relay once its credentials have expired", async () => {
    await using late = await startVoiceBridge({
      settings: { turn: { urls: [relay.url], secret: turnSecret, ttlMs: -60_000 } },
    });
    await using page = await openPage(440, { relayOnly: true }, late);
    await call(page);
    await until("the relay's refusal", async () => (await page.locator("#problem").textContent())?.includes("relay"));
    expect(late.calls.list()[0]?.state).not.toBe("active");
  });

  test.each([
    ["", 0, false],
    [" whose answer is slow", 2_000, false],
    [" over the relay", 0, true],
  ])("carries audio both ways during and after ICE restarts%s", async (_, answerDelayMs, relayOnly) => {
    await using page = await openPage(700, { relayOnly });
    await call(page);
    await stateIs(page, "Connected");
    await agentHears(agent, 700);
    await delayAnswers(page, answerDelayMs);
    for (const hertz of [1_000, 1_300]) {
      const before = await selectedPair(page);
      const heardBefore = agent.heard().length;
      agentPlays(agent, hertz, 3);
      await page.evaluate("bridgeCall.restart()");
      await pageHears(page, hertz);
      const pair = await until("sound over a new pair", async () => {
        const now = await selectedPair(page);
        return now.fragment !== before.fragment && now.received > 50 && now;
      });
      expect(pair.local).toBe(relayOnly ? "relay" : before.local);
      await until("a second of sound", () => agent.heard().length > heardBefore + 16_000);
      await agentHears(agent, 700);
    }
    expect(await page.evaluate("heardMeanwhile")).toBeGreaterThanOrEqual(answerDelayMs / 40);
    expect(bridge.calls.list().at(-1)?.state).toBe("active");
  });

  test("survives a reload of its page", async () => {
    await using page = await openPage(850);
    await call(page);
    await stateIs(page, "Connected");
    const session = bridge.calls.list().at(-1);
    await page.reload();
    await stateIs(page, "Connected");
    const heardBefore = agent.heard().length;
    await until("half a second of sound", () => agent.heard().length > heardBefore + 8_000);
    await agentHears(agent, 850);
    expect(session?.state).toBe("active");
    expect(bridge.calls.list().at(-1)).toBe(session);
  });

  test("works with the ten lines of the documentation", async () => {
    const text = readFileSync(join(repositoryRoot, "docs/guides/voice-page.md"), "utf8");
    const lines = /```js\n([\s\S]+?)\n```/.exec(text)?.[1]?.split("\n") ?? [];
    expect(lines.length).toBe(10);
    await using page = await openPage(530);
    const { token, session } = await bridge.calls.open(admin, { ...plainCall, bargeIn: false });
    await page.setContent('<button id="hang-up">Hang up</button>');
    const dynamic = lines.join("\n").replace(/^import (\{.+\}) from (".+");$/m, "const $1 = await import($2);");
    await page.evaluate(`(async () => { const token = ${JSON.stringify(token)}; ${dynamic} })()`);
    await until("the connection", () => session.state === "active");
    await agentHears(agent, 530);
    await page.getByRole("button", { name: "Hang up" }).click();
    await until("the end", () => session.endReason === "hang_up");
  });

  test("can be controlled with the keyboard alone, and each control has a name", async () => {
    await using page = await openPage(440);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await stateIs(page, "Connected");
    await until("the focus on Mute", () => page.evaluate("document.activeElement.id === 'mute'"));
    await page.keyboard.press("Space");
    await until("the mute", async () => (await page.locator("#mute").getAttribute("aria-pressed")) === "true");
    const tree = await page.locator("main").ariaSnapshot();
    expect(tree.replaceAll(/meter "(\w+)".*/g, 'meter "$1"')).toMatchInlineSnapshot(`
"- main:
  - heading "Call the agent" [level=1]
  - status: Connected
  - group "Call":
    - text: Call
    - button "Call" [disabled]
    - button "Mute" [pressed]
    - button "Hold"
    - button "Hang up"
  - region "Levels":
    - heading "Levels" [level=2]
    - text: You
    - meter "You"
    - text: Agent
    - meter "Agent"
  - region "Transcript":
    - heading "Transcript" [level=2]
    - log "Transcript":
      - paragraph: What is said appears here.
  - group: Statistics"
`);
    await page.getByText("Statistics").click();
    await until("figures", async () => /\d/.test((await page.locator("#stats").textContent()) ?? ""));
    const screenshot = process.env["ARMORCLAW_TEST_SCREENSHOT"];
    if (screenshot !== undefined) await page.screenshot({ path: screenshot, fullPage: true });
    // On a phone no content is wider than the screen, and each button is large enough for a finger.
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await page.evaluate("document.scrollingElement.scrollWidth")).toBeLessThanOrEqual(320);
    for (const button of await page.getByRole("button").all())
      expect((await button.boundingBox())?.height).toBeGreaterThanOrEqual(44);
    if (screenshot !== undefined) await page.screenshot({ path: `${screenshot}.phone.png`, fullPage: true });
  });
});

test("every test file's port range is its own", () => {
  expect(voiceSettings("a").media.portRange).not.toEqual(voiceSettings("a").media.portRange);
});
