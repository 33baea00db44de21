import { methods } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";

const wide = (values: number) =>
  Object.fromEntries(Array.from({ length: values }, (_, at) => [`field${at}`, "x".repeat(20)]));

test("the bytes that an agent stores by a subscription or a question are bounded", () => {
  const subscribe = (values: number) =>
    methods["event.subscribe"].params.safeParse({ channels: ["a.>"], filter: { data: wide(values) } });
  expect(subscribe(1_000).success).toBe(true);
  expect(subscribe(99_000).success).toBe(false);
  const ask = (values: number) =>
    methods["approval.request"].params.safeParse({ action: "mail.send", details: wide(values) });
  expect(ask(1_000).success).toBe(true);
  expect(ask(99_000).success).toBe(false);
});
