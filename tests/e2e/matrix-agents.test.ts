import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type MatrixWorld, startMatrixWorld } from "../support/matrix-daemon.ts";
import { describeIf } from "../support/require-part.ts";
import { synapseIsThere } from "../support/synapse.ts";
import { until } from "../support/until.ts";

describeIf(synapseIsThere(), "no Synapse", "an agent that is given a room", () => {
  let world: MatrixWorld;
  beforeAll(async () => {
    world = await startMatrixWorld({
      start: ["heartbeat"],
      config: ({ room }) => `[loops.heartbeat]\nrooms = ["${room}"]\npark = { after_ms = 1500 }\n`,
    });
  }, 120_000);
  afterAll(async () => await world[Symbol.asyncDispose]());

  test("is handed what is written there in its own handler, is woken by it over kill -9 of the bridge, and hears no other room", async () => {
    const flags = ["--set", "allow_unsandboxed=true"];
    const { room, openRoom } = world;
    const heard: string[] = [];
    const handed = async (client: Awaited<ReturnType<MatrixWorld["startBridge"]>>["client"], body: string) => {
      const eventId = await until(
        `${body} in the room`,
        async () => {
          const { events } = await client.event.history({ channels: ["matrix.*.message"], limit: 1000 });
          return events.find(({ data }) => data["body"] === body)?.id;
        },
        30_000,
      );
      const { events } = await until(
        `${body} in the agent's handler`,
        async () => {
          const history = await client.event.history({ channels: ["agent.heartbeat-1.heard"], limit: 1000 });
          return history.events.some(({ data }) => data["event_id"] === eventId) && history;
        },
        30_000,
      );
      heard.splice(0, heard.length, ...events.map(({ data }) => String(data["event_type"])));
    };
    const stateOf = async (client: Awaited<ReturnType<MatrixWorld["startBridge"]>>["client"]) =>
      (await client.agent.get({ agent_id: "heartbeat-1" })).state;
    {
      await using bridge = await world.startBridge({ flags });
      await world.logIn(bridge);
      await world.say(room, "good morning");
      await handed(bridge.client, "good morning");
      await until("it is parked", async () => (await stateOf(bridge.client)) === "parked", 30_000);
      await world.say(room, "wake up");
      await bridge.end("SIGKILL");
    }
    await using bridge = await world.startBridge({ flags });
    await handed(bridge.client, "wake up");
    await world.say(openRoom, "not for it");
    await world.say(room, "and this");
    await handed(bridge.client, "and this");
    const { events } = await bridge.client.event.history({ channels: ["matrix.>"], limit: 1000 });
    const foreign = events.find(({ data }) => data["body"] === "not for it");
    const had = await bridge.client.event.history({ channels: ["agent.heartbeat-1.heard"], limit: 1000 });
    expect(foreign).toBeDefined();
    expect(had.events.map(({ data }) => data["event_id"])).not.toContain(foreign?.id);
    expect(heard.filter((type) => type === "matrix.message").length).toBeGreaterThanOrEqual(3);
  }, 120_000);
});
