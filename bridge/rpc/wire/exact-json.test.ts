import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { mayHoldRiskyNumber, parseExact, settleNumbers, WrittenNumber } from "./exact-json.ts";

const isKept = (number: string) => settleNumbers(parseExact(`[${number}]`).value as object) === undefined;

describe("parseExact", () => {
  test.each([
    "0",
    "-1",
    "1.5",
    "1E2",
    "1.50",
    "0e5",
    "-0.0",
    "5e-324",
    "1.7976931348623157e308",
    "9007199254740992",
    "1e21",
  ])("keeps %s", (number) => {
    expect(isKept(number)).toBe(true);
    expect(parseExact(`[${number}]`).value).toEqual(JSON.parse(`[${number}]`));
  });

  test.each(["9007199254740993", "-1234567890123456789", "1e400", "1e-400", "0.12345678901234567891"])(
    "marks %s",
    (number) => {
      expect(isKept(number)).toBe(false);
      expect(mayHoldRiskyNumber(`[${number}]`)).toBe(true);
    },
  );

  test("keeps the text of a marked number, and returns its path", () => {
    expect(settleNumbers(parseExact('{"a":[0,{"b":9007199254740993}]}').value as object)).toEqual({
      path: "a.1.b",
      text: "9007199254740993",
    });
    const { id } = parseExact('{"id":9007199254740993}').value as { id: unknown };
    expect(id).toBeInstanceOf(WrittenNumber);
  });

  test.each(['{"id":1.0}', '{"id": 1E2}', '{"\\u0069d" : -0.50}'])("keeps the spelling of the id in %s", (text) => {
    expect(mayHoldRiskyNumber(text)).toBe(true);
    const value = parseExact(text).value as { id: unknown };
    expect(value.id).toBeInstanceOf(WrittenNumber);
    expect(settleNumbers(value)).toBeUndefined();
    expect(value).toEqual(JSON.parse(text));
  });

  test.each(['{"params":[1.0]}', '{"params" : [ 1E2]}', '{"p\\u0061rams":[-0.50, 1]}'])(
    "keeps the spelling of the first id in %s",
    (text) => {
      expect(mayHoldRiskyNumber(text)).toBe(true);
      const value = parseExact(text).value as { params: unknown[] };
      expect(value.params[0]).toBeInstanceOf(WrittenNumber);
      expect(settleNumbers(value)).toBeUndefined();
      expect(value).toEqual(JSON.parse(text));
    },
  );

  test.each([
    ["zeros inside one number", `{"id":1,"params":[1${"0".repeat(500_000)}1]}`],
    ["numbers without an end", `{"id":1,"params":[${"1".repeat(500_000)}x]}`],
    ["digits between points", `{"params":[${"1.".repeat(250_000)}]}`],
    ["ids without a value", `${'"id":'.repeat(100_000)}`],
    ["spaces after a key", `"params"${" ".repeat(500_000)}`],
  ])("takes time linear in the text: %s", (_, text) => {
    const start = performance.now();
    mayHoldRiskyNumber(text);
    try {
      settleNumbers(parseExact(text).value as object);
    } catch {
      // Not all of the texts are JSON.
    }
    // Quadratic time would be minutes here.
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test.each([
    '{"id":1.0,"params":[{"id":2.50}]}',
    '[{"a":12345678901234567890},{"b":[1e400,"1e400"]}]',
    '{"__proto__":12345678901234567890}',
    '{"a":"\\"12345678901234567890"}',
  ])("reads %s as a reviver would", (text) => {
    const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
    const revived = JSON.parse(text, (key, value: unknown, context?: { readonly source?: string }) => {
      if (typeof value !== "number" || context?.source === undefined || context.source === String(value)) return value;
      const isExact = Number.isFinite(value) && Number(context.source) === value && key === "id";
      return isExact ? { text: context.source, value } : { text: context.source };
    });
    expect(written(parseExact(text).value)).toEqual(written(revived));
  });

  test.each([
    "{12345678901234567890:1}",
    "[012345678901234567890]",
    "[12345678901234567890e]",
    '"a"1e400',
    "[1e400 1]",
  ])("takes no text that JSON does not: %s", (text) => {
    expect(() => parseExact(text)).toThrow(SyntaxError);
  });

  test.each([
    ["no double holds", "12345678901234567,", 1_001],
    ["have an exponent", "1e5,", 100_001],
  ])("refuses a line with too many numbers that %s", (_, one, count) => {
    expect(() => parseExact(`{"params":[${one.repeat(count)}1]}`)).toThrow("numbers of 16 digits or more");
    expect(parseExact(`{"params":[${one.repeat(count - 3)}1]}`).value).toBeDefined();
  });

  test("keeps every number that JavaScript itself writes", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => isKept(JSON.stringify(number))),
    );
  });

  test("marks no number that a double always represents", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 999_999 }), (whole, fraction) => {
        const number = `${whole}.${fraction}`;
        expect(mayHoldRiskyNumber(`[${number}]`) || isKept(number)).toBe(true);
      }),
    );
  });
});
