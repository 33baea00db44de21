import { getEventListeners } from "node:events";
import { describe, expect, test } from "@jest/globals";
import { aborted, beforeAbort, onAbort, until } from "./abort.ts";

const reason = new Error("aborted");
const never = new Promise<string>(() => undefined);
const abortedSignal = () => AbortSignal.abort(reason);
const openSignal = () => new AbortController().signal;

describe.each([
  { name: "until", wait: until<string>, atAbort: "aborted" },
  { name: "beforeAbort", wait: beforeAbort<string>, atAbort: undefined },
])("$name", ({ wait, atAbort }) => {
  const outcome = (promise: Promise<string>, signal: AbortSignal) =>
    wait(promise, signal).catch((error: Error) => error.message);

  test.each([
    { name: "the promise resolves", promise: () => Promise.resolve("a"), signal: openSignal, is: "a" },
    { name: "the promise rejects", promise: () => Promise.reject(new Error("b")), signal: openSignal, is: "b" },
    { name: "the signal has aborted", promise: () => never, signal: abortedSignal, is: atAbort },
    { name: "both are settled", promise: () => Promise.resolve("a"), signal: abortedSignal, is: "a" },
  ])("ends with $is when $name, and leaves no listener", async ({ promise, signal: signalOf, is }) => {
    const signal = signalOf();
    expect(await outcome(promise(), signal)).toBe(is);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("ends when the signal aborts, and leaves no listener", async () => {
    const ending = new AbortController();
    const ended = outcome(never, ending.signal);
    expect(getEventListeners(ending.signal, "abort")).toHaveLength(1);
    ending.abort(reason);
    expect(await ended).toBe(atAbort);
    expect(getEventListeners(ending.signal, "abort")).toEqual([]);
  });
});

describe("onAbort", () => {
  test.each([
    { name: "at once for an aborted signal", isAborted: true, isRemoved: false, calls: [1, 1] },
    { name: "when the signal aborts", isAborted: false, isRemoved: false, calls: [0, 1] },
    { name: "not after it was removed", isAborted: false, isRemoved: true, calls: [0, 0] },
  ])("calls $name", ({ isAborted, isRemoved, calls }) => {
    const ending = new AbortController();
    if (isAborted) ending.abort();
    let count = 0;
    const remove = onAbort(ending.signal, () => {
      count += 1;
    });
    const before = count;
    if (isRemoved) remove();
    ending.abort();
    expect([before, count]).toEqual(calls);
  });

  test("does nothing without a signal", () => {
    expect(onAbort(undefined, () => expect(true).toBe(false))()).toBeUndefined();
  });
});

test("aborted() resolves at the abort", async () => {
  const ending = new AbortController();
  const ended = aborted(ending.signal);
  ending.abort();
  expect(await ended).toBeUndefined();
});
