import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asAgent } from "../support/engines/agent-line.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { type MatrixWorld, startMatrixWorld } from "../support/matrix/matrix-daemon.ts";
import { synapseIsThere } from "../support/matrix/synapse.ts";
import { until } from "../support/until.ts";

describeIf(synapseIsThere(), "no Synapse", "an agent that is given a room", () => {
  let world: MatrixWorld;
  beforeAll(async () => {
    world = await startMatrixWorld({
      engine: "sandbox",
      start: ["heartbeat", "system-monitor"],
      config: ({ room }) => `[loops.heartbeat]\nrooms = ["${room}"]\nidle = { suspend_after_ms = 1500 }
        [loops.system-monitor]\nrooms = ["${room}"]\n`,
    });
  }, 120_000);
  afterAll(async () => await world[Symbol.asyncDispose]());

  test("gets its room's messages in its handler, is woken by them over kill -9 of the bridge, and gets no other room's", async () => {
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
          const history = await client.event.history({ channels: ["agent.heartbeat-1.received"], limit: 1000 });
          return history.events.some(({ data }) => data["event_id"] === eventId) && history;
        },
        30_000,
      );
      heard.splice(0, heard.length, ...events.map(({ data }) => String(data["event_type"])));
    };
    const stateOf = async (client: Awaited<ReturnType<MatrixWorld["startBridge"]>>["client"]) =>
      (await client.agent.get({ agent_id: "heartbeat-1" })).state;
    {
      await using bridge = await world.startBridge();
      await world.logIn(bridge);
      await world.say(room, "good morning");
      await handed(bridge.client, "good morning");
      await until("it is suspended", async () => (await stateOf(bridge.client)) === "suspended", 30_000);
      await world.say(room, "wake up");
      await bridge.end("SIGKILL");
    }
    await using bridge = await world.startBridge();
    await handed(bridge.client, "wake up");
    await world.say(openRoom, "not for it");
    await world.say(room, "and this");
    await handed(bridge.client, "and this");
    const { events } = await bridge.client.event.history({ channels: ["matrix.>"], limit: 1000 });
    const foreign = events.find(({ data }) => data["body"] === "not for it");
    const had = await bridge.client.event.history({ channels: ["agent.heartbeat-1.received"], limit: 1000 });
    expect(foreign).toBeDefined();
    expect(had.events.map(({ data }) => data["event_id"])).not.toContain(foreign?.id);
    expect(heard.filter((type) => type === "matrix.message").length).toBeGreaterThanOrEqual(3);
  }, 120_000);

  test("reads the files of its room, and none of another room, whatever id it sends", async () => {
    const { room, openRoom, ann } = world;
    await using bridge = await world.startBridge();
    const bytes = randomBytes(40_000);
    const { cursor } = await bridge.client.call("matrix.receive", {});
    const send = async (roomId: string) => {
      const file = { roomId, bytes, mimetype: "application/pdf", name: "plan.pdf" };
      const uploaded = await until("the upload", () => ann.adapter.media.upload(file, AbortSignal.timeout(15_000)));
      return await world.say(roomId, "the plan", { msgtype: "m.file", filename: "plan.pdf", ...uploaded });
    };
    const own = await send(room);
    const foreign = await send(openRoom);
    await until("both at the bridge", async () => {
      const { events } = await bridge.client.call("matrix.receive", { cursor });
      return [own, foreign].every((id) => events.some(({ event_id }) => event_id === id));
    });

    const agent = "system-monitor-1";
    await until("the agent", async () => (await bridge.client.agent.get({ agent_id: agent })).ready);
    const download = (room_id: string, event_id: string) => ({
      method: "matrix.download",
      params: { room_id, event_id },
    });
    const [received, file, elsewhere, disguised] = await asAgent(bridge, agent, [
      { method: "matrix.receive", params: { cursor } },
      download(room, own),
      download(openRoom, foreign),
      download(room, foreign),
    ]);
    expect(received?.result).toMatchObject({ events: [{ event_id: own, media: { name: "plan.pdf" } }] });
    expect(file?.result).toMatchObject({ name: "plan.pdf", size_bytes: bytes.length, sender: "@ann:localhost" });
    const parts = (file?.items ?? []).map((item) => Buffer.from((item as { content: string }).content, "base64"));
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect([elsewhere?.error?.data.code, elsewhere?.items]).toEqual(["FORBIDDEN", []]);
    expect([disguised?.error?.data.code, disguised?.items]).toEqual(["MATRIX_REFUSED", []]);
  }, 120_000);
});
