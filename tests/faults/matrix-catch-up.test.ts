import { expect, test } from "@jest/globals";
import { describeIf } from "../support/machine/require-part.ts";
import { everythingHeard, startMatrixWorld } from "../support/matrix/matrix-daemon.ts";
import { synapseIsThere } from "../support/matrix/synapse.ts";
import { until } from "../support/until.ts";
import { startFaultyProxy } from "../support/wire/faulty-proxy.ts";

/** These are more messages than a first sync and one run's backfill contain. */
const written = 250;
const pagesOfOneLife = 1;
const livesMax = 6;

describeIf(synapseIsThere(), "no Synapse", "a bridge that has much to catch up on", () => {
  test("keeps what it read of a room's history when it is killed before the end of the history", async () => {
    let pages = 0;
    const isHeld = (url: string) => url.includes("/messages?") && ++pages > pagesOfOneLife;
    const proxies = new AsyncDisposableStack();
    await using _ = proxies;
    await using world = await startMatrixWorld({
      homeserver: async ({ port }) => proxies.use(await startFaultyProxy(port, isHeld)).url,
    });
    const first = await world.startBridge();
    await world.logIn(first);
    await world.say(world.openRoom, "before");
    await until("the first message", async () => (await everythingHeard(first)).length === 1);
    await first.client.close();
    await first.end("SIGKILL");
    for (let n = 0; n < written; n++)
      await world.person.request("PUT", `rooms/${world.openRoom}/send/m.room.message/past${n}`, {
        msgtype: "m.text",
        body: `past ${n}`,
      });

    let heard: string[] = [];
    let lives = 0;
    for (; heard.length <= written && lives < livesMax; lives++) {
      pages = 0;
      await using bridge = await world.startBridge();
      await until("all messages that this run can read", async () => {
        heard = await everythingHeard(bridge);
        return pages > pagesOfOneLife || heard.length > written;
      });
      await bridge.client.close();
      await bridge.end("SIGKILL");
    }
    expect(heard).toEqual(["before", ...Array.from({ length: written }, (_, n) => `past ${n}`)]);
    expect(lives).toBeGreaterThan(1);
  }, 180_000);
});
