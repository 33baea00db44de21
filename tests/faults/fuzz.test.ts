import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { mutate, openFuzzTarget, seeded } from "../support/wire/fuzz.ts";

// `npm run nightly -- fuzz` runs a hundred times as many inputs.
const inputs = Number(process.env["ARMORCLAW_TEST_FUZZ_INPUTS"] ?? 10_000);
const timeLimitMs = 60_000 + inputs * 10;

test(
  "bytes that are nearly a request neither crash nor hang the server, change no state and get only valid answers",
  async () => {
    const { cases } = JSON.parse(readFileSync(join(import.meta.dirname, "../conformance/cases.json"), "utf8")) as {
      readonly cases: readonly { readonly send?: unknown }[];
    };
    const texts = cases.flatMap(({ send }) =>
      typeof send === "string" && send.length < 5_000 ? [send.trimEnd()] : [],
    );
    const seeds = [
      ...texts,
      '{"jsonrpc":"2.0","id":1,"method":"set","params":{"password":""}}',
      '{"jsonrpc":"2.0","id":2,"method":"stream","params":{"count":3}}',
      '{"jsonrpc":"2.0","id":3,"method":"rpc.cancel","params":{"id":2}}',
      '[{"jsonrpc":"2.0","id":4,"method":"subtract","params":[42,23]},{"jsonrpc":"2.0","method":"ping"}]',
    ].map((text) => Buffer.from(text));
    const seed = Number(process.env["ARMORCLAW_TEST_FUZZ_SEED"] ?? Math.floor(performance.timeOrigin) % 2 ** 31);
    const random = seeded(seed);
    await using target = openFuzzTarget();
    for (let count = 0; count < inputs; count++) {
      const input = mutate(seeds, random);
      const cuts = Array.from({ length: random(4) }, () => random(input.length + 1)).sort((a, b) => a - b);
      await target.feed(input, cuts).catch((cause: unknown) => {
        throw new Error(`Input ${count} of seed ${seed}: ${JSON.stringify(input.toString("latin1"))}`, { cause });
      });
    }
    process.stderr.write(
      `fuzz: ${inputs} mutated inputs of seed ${seed}, the slowest took ${target.slowestMs.toFixed(1)} ms\n`,
    );
    expect(target.isTouched).toBe(false);
  },
  timeLimitMs,
);

test(
  "JSON values alone, as parts of a request or in a batch neither crash nor hang the server",
  async () => {
    await using target = openFuzzTarget();
    const method = fc.oneof(fc.constantFrom("ping", "echo", "set", "subtract", "stream", "rpc.cancel"), fc.jsonValue());
    const request = fc.record(
      { jsonrpc: fc.oneof(fc.constant("2.0"), fc.jsonValue()), id: fc.jsonValue(), method, params: fc.jsonValue() },
      { requiredKeys: [] },
    );
    const value = fc.oneof(request, fc.array(request, { maxLength: 5 }), fc.jsonValue());
    const check = fc.asyncProperty(value, async (sent) => {
      await target.feed(Buffer.from(JSON.stringify(sent)));
      expect(target.isTouched).toBe(false);
    });
    await fc.assert(check, { numRuns: Math.ceil(inputs / 10) });
  },
  timeLimitMs,
);
