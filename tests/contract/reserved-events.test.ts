import { type AnyEvent, Channel, events, type Principal } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { EventRights } from "../../bridge/access/index.ts";

const contract: Readonly<Record<string, AnyEvent>> = events;
const types = Object.keys(contract);
// Every caller has every channel here, so that the contract alone decides.
const rights = new EventRights({ mayUseChannel: () => true }, { isFrozen: () => false });
const callers = [
  { kind: "agent", id: "agent:heartbeat-1", role: "agent", agentId: "heartbeat-1" },
  { kind: "user", id: "user:0", role: "admin" },
  { kind: "token", id: "token:t", role: "operator" },
] as unknown as readonly Principal[];
const publish = (channel: string, type: string) => () => {
  for (const caller of callers) rights.assertMayPublish(caller, channel, type);
};
const forbidden = expect.objectContaining({ code: "FORBIDDEN" });

test.each(types)("%s is published by the bridge alone, as is every other type of its domain", (type) => {
  expect(publish("agent.heartbeat-1.x", type)).toThrow(forbidden);
  expect(publish("agent.heartbeat-1.x", `${type.split(".")[0]}.anything`)).toThrow(forbidden);
});

test.each(types)("no other event is published on the channel of %s", (type) => {
  const channel = contract[type]?.channel.replaceAll(/<agent_id>/gu, "heartbeat-1").replaceAll(/<[^<>]+>/gu, "any");
  expect(Channel.safeParse(channel).success).toBe(true);
  expect(publish(String(channel), "other.event")).toThrow(forbidden);
});

test("an agent publishes its own types on its own channels", () => {
  expect(publish("agent.heartbeat-1.pulse", "heartbeat.pulse")).not.toThrow();
  expect(publish("agent.heartbeat-1.exited.old", "heartbeat.pulse")).not.toThrow();
  expect(publish("house.kitchen", "agents.counted")).not.toThrow();
});
