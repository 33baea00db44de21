import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { type MatrixWorld, startMatrixWorld } from "../support/matrix/matrix-daemon.ts";
import { synapseIsThere } from "../support/matrix/synapse.ts";
import { until } from "../support/until.ts";

describeIf(synapseIsThere(), "no Synapse", "rooms that change under the bridge", () => {
  let world: MatrixWorld;
  let daemon: TestDaemon;

  beforeAll(async () => {
    world = await startMatrixWorld({
      config: ({ openRoom }) => `
        [[alerts.to]]
        destination = "matrix"
        lane = "${openRoom}"
        [[alerts.rules]]
        name = "fire"
        types = ["test.fire"]
        severity = "critical"
        key = "{place}"
        text = "Fire in {place}"`,
    });
    daemon = await world.startBridge();
    await world.logIn(daemon);
  }, 120_000);

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const said = (roomId: string) =>
    world.ann.inbound.flatMap((one) =>
      one.type === "matrix.message" && one.data.sender === world.bridgeId && one.data.room_id === roomId
        ? [one.data.body]
        : [],
    );
  const fire = (place: string) =>
    daemon.client.event.publish({ channel: "house.x", type: "test.fire", data: { place } });
  const checkOf = async (name: string) =>
    (await daemon.client.bridge.doctor()).checks.filter((one) => one.name === name);

  test("alerts for a room that the bridge was removed from go to another one, and wait for the room", async () => {
    const { person, openRoom, room, bridgeId } = world;
    expect(await checkOf("alerts")).toMatchObject([{ status: "ok" }]);
    await person.request("POST", `rooms/${openRoom}/kick`, { user_id: bridgeId });
    await fire("the kitchen");
    await until("the alert in the other room", () =>
      said(room).some((text) => text.startsWith("Fire in the kitchen\n(Sent here")),
    );
    await fire("the cellar");
    await until("the next alert", () => said(room).some((text) => text.startsWith("Fire in the cellar\n(Sent here")));
    expect((await checkOf("alerts")).map(({ status }) => status)).toEqual(["trouble"]);
    const { checks } = await daemon.client.bridge.health();
    expect(checks.find(({ name }) => name === "alerts")).toMatchObject({ status: "degraded" });
    await person.request("POST", `rooms/${openRoom}/invite`, { user_id: bridgeId });
    await until("both alerts where they belong", () =>
      ["Fire in the kitchen", "Fire in the cellar"].every((text) => said(openRoom).includes(text)),
    );
    expect(said(openRoom).filter((text) => text === "Fire in the kitchen")).toHaveLength(1);
  });

  test("an operator's upgrade of a room is followed: what the configuration calls by the old id goes on in the new room", async () => {
    const { person, room, bridgeId } = world;
    const { replacement_room: next } = await person.request("POST", `rooms/${room}/upgrade`, { new_version: "10" });
    const successor = String(next);
    await person.request("POST", `rooms/${successor}/invite`, { user_id: bridgeId });
    await until("the bridge in the successor", async () =>
      (await daemon.client.matrix.rooms()).rooms.some(
        (one) => one.room_id === successor && one.membership === "join" && one.is_trusted && one.successor_of === room,
      ),
    );
    await daemon.client.matrix.send({ room_id: room, message: "moved" });
    await until("a message in the successor", () => said(successor).includes("moved"));
    const asked = await world.say(successor, "!help");
    expect(await world.answerTo(asked)).toContain("!status");
    const { events } = await daemon.client.event.history({
      channels: ["matrix.*.message", "matrix.*.room_upgraded"],
      limit: 100,
    });
    expect(events.find(({ data }) => data["body"] === "!help")?.data).toMatchObject({ room_id: room });
    expect(events.find(({ type }) => type === "matrix.room_upgraded")?.data).toMatchObject({
      room_id: room,
      successor,
      is_followed: true,
    });
  });
});
