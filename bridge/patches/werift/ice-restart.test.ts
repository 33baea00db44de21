import assert from "node:assert/strict";
import { describe, expect, test } from "@jest/globals";
import { RTCPeerConnection } from "werift";
import { until } from "../../../tests/support/until.ts";
import { openFarEnd } from "../../../tests/support/voice/voice.ts";
import { disableDefaultStun } from "./disable-default-stun.ts";
import { IceRestarts } from "./ice-restart.ts";

/** @param restartsFirst how often the remote peer restarts ICE before it accepts an answer */
async function openCall(restartsFirst = 0) {
  const stack = new AsyncDisposableStack();
  const far = stack.use(await openFarEnd());
  const near = new RTCPeerConnection({
    iceServers: [],
    iceUseIpv6: false,
    iceInterfaceAddresses: { udp4: "127.0.0.1" },
    iceAdditionalHostAddresses: ["127.0.0.1"],
  });
  stack.defer(() => near.close());
  const restarts = new IceRestarts(near);
  const take = async (isRestart: boolean) => {
    const sdp = await far.offer(isRestart);
    restarts.before();
    await near.setRemoteDescription({ type: "offer", sdp });
    disableDefaultStun(near);
    await near.setLocalDescription(await near.createAnswer());
  };
  const iceOf = (connection: RTCPeerConnection) => {
    const [transport] = connection.iceTransports;
    assert(transport !== undefined);
    return transport.connection;
  };
  await take(false);
  await restarts.after();
  for (let restart = 0; restart < restartsFirst; restart++) {
    const { localUsername, remoteUsername } = iceOf(near);
    await take(true);
    await restarts.after();
    expect([localUsername, remoteUsername]).not.toContain(iceOf(near).remoteUsername);
    expect(iceOf(near).localUsername).not.toBe(localUsername);
  }
  await far.accept(near.localDescription?.sdp ?? "");
  await until("the call", () => [near, far.connection].every(({ connectionState }) => connectionState === "connected"));
  const nearIce = iceOf(near);
  const received: string[] = [];
  iceOf(far.connection).onData.subscribe((data) => received.push(data.toString("latin1")));
  return {
    restarts,
    take,
    received,
    nearIce,
    /** The remote peer's checks of the answer, which are the same as those of its library. */
    accept: async () => {
      await far.accept(near.localDescription?.sdp ?? "");
      await iceOf(far.connection).connect();
    },
    /** A packet that is neither STUN nor media of the call. */
    arrives: async (word: string) => {
      await nearIce.send(Buffer.from(`\xff${word}`, "latin1"));
      await until(word, () => received.some((data) => data.endsWith(word)));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe("a remote peer that restarts ICE", () => {
  test("is reached over the pair in use until the answer, and then over a pair of the new generation", async () => {
    await using call = await openCall();
    for (const round of ["first", "second"]) {
      const before = call.nearIce.nominated;
      expect(before).toBeDefined();
      await call.take(true);
      expect(call.nearIce.nominated).toBeUndefined();
      await call.arrives(`${round}, meanwhile`);
      await Promise.all([call.restarts.after(), call.accept()]);
      expect(call.nearIce.nominated).toBeDefined();
      expect(call.nearIce.nominated).not.toBe(before);
      await call.arrives(`${round}, anew`);
    }
  });

  test.each([1, 3])(
    "is checked with its last credentials when it restarts before the call is connected, %d times",
    async (restarts) => {
      await using call = await openCall(restarts);
      const first = call.nearIce.nominated;
      expect(first).toBeDefined();
      await call.arrives("hello");
      await call.take(true);
      await call.arrives("meanwhile");
      await Promise.all([call.restarts.after(), call.accept()]);
      expect(call.nearIce.nominated).not.toBe(first);
      await call.arrives("anew");
    },
  );

  test("keeps its pair when its offer restarts no ICE", async () => {
    await using call = await openCall();
    const before = call.nearIce.nominated;
    await call.take(false);
    await call.restarts.after();
    expect(call.nearIce.nominated).toBe(before);
  });

  test("gets no pair from a check with its earlier credentials", async () => {
    await using call = await openCall();
    const { nearIce } = call;
    const [protocol, before] = [nearIce.nominated?.protocol, nearIce.remoteUsername];
    await call.take(true);
    const pairs = () => nearIce.candidatePairs.filter(({ remoteAddr }) => remoteAddr[1] === 9);
    check(nearIce, `${nearIce.localUsername}:${before}`, ["127.0.0.1", 9], protocol);
    expect(pairs()).toEqual([]);
    check(nearIce, `${nearIce.localUsername}:${nearIce.remoteUsername}`, ["127.0.0.1", 9], protocol);
    expect(pairs()).toHaveLength(1);
  });

  test("receives consent checks with the bridge's credentials of the pair's generation", async () => {
    await using call = await openCall();
    const { nearIce } = call;
    const before = nearIce.localUsername;
    await call.take(true);
    await Promise.all([call.restarts.after(), call.accept()]);
    const { nominated, localUsername, iceControlling } = nearIce;
    const userOfRequest = () => {
      const build = Reflect.get(nearIce, "buildRequest") as (parts: object) => Message;
      return build({ nominate: false, remoteUsername: "far", localUsername, iceControlling }).getAttributeValue(
        "USERNAME",
      );
    };
    expect(userOfRequest()).toBe(`far:${localUsername}`);
    check(nearIce, `${before}:${nearIce.remoteUsername}`, nominated?.remoteAddr, nominated?.protocol);
    expect(userOfRequest()).toBe(`far:${before}`);
  });
});

interface Message {
  getAttributeValue(name: string): unknown;
}

function check(ice: object, user: string, ...from: unknown[]): void {
  const attributes: Record<string, unknown> = { USERNAME: user, PRIORITY: 1 };
  const message = {
    attributesKeys: [],
    transactionIdHex: "",
    getAttributeValue: (name: string) => attributes[name],
    toJSON: () => user,
  };
  Reflect.apply(Reflect.get(ice, "checkIncoming"), ice, [message, ...from]);
}
