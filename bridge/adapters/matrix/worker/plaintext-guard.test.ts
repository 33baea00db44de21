import { expect, test } from "@jest/globals";
import { PlaintextGuard } from "./plaintext-guard.ts";

const send = (room: string, type: string) =>
  `https://x.org/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/${type}/txn`;

test("nothing is sent unencrypted to a room that is, or once was, encrypted", () => {
  const learnt: string[] = [];
  const guard = new PlaintextGuard(["!old:x"], (room) => learnt.push(room));
  guard.remember("!new:x");
  guard.remember("!old:x");
  expect(learnt).toEqual(["!new:x"]);
  for (const room of ["!old:x", "!new:x"]) {
    expect(() => guard.check(send(room, "m.room.message"))).toThrow(/in the clear/);
    expect(() => guard.check(send(room, "m.sticker"))).toThrow(/in the clear/);
    expect(() => guard.check(send(room, "m.room.encrypted"))).not.toThrow();
    expect(() => guard.check(send(room, "m.reaction"))).not.toThrow();
  }
  const verification = JSON.stringify({ msgtype: "m.key.verification.request", methods: ["m.sas.v1"] });
  expect(() => guard.check(send("!new:x", "m.room.message"), verification)).not.toThrow();
  expect(() => guard.check(send("!new:x", "m.key.verification.done"), "{}")).not.toThrow();
  expect(() =>
    guard.check(send("!new:x", "m.room.message"), `{"msgtype":"m.text","body":"m.key.verification.request"}`),
  ).toThrow();
  expect(() => guard.check(send("!new:x", "m.room.message"), "no json")).toThrow();
  expect(() => guard.check(send("!plain:x", "m.room.message"))).not.toThrow();
  expect(() => guard.check("https://x.org/_matrix/client/v3/sync?since=1")).not.toThrow();
});
