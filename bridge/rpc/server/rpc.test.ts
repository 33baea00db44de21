import { BridgeError } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { fixture } from "../../../tests/support/wire/fixture-methods.ts";
import { hang, openWire } from "../../../tests/support/wire/serve.ts";
import type { AnyHandler, CallPolicy } from "../index.ts";

describe("a call", () => {
  test("gets its id back as it was sent", async () => {
    await using wire = await openWire();
    const numbers = [
      "7",
      "-1",
      "-0",
      "1.5",
      "1.0",
      "-0.0",
      "1E2",
      "1e400",
      "1234567890123456789",
      "-9223372036854775808",
    ];
    for (const id of [...numbers, '"7"', '""', '"\\u0000"', "null"]) {
      wire.client.send(`{"jsonrpc":"2.0","method":"ping","id":${id}}`);
      await wire.client.next();
      expect(wire.client.lines.at(-1)).toBe(`{"jsonrpc":"2.0","id":${id},"result":"pong"}`);
    }
  });

  test.each(["1234567890123456789", "1.0", "1E2", '"a"'])("with the id %s is cancelled by that id", async (id) => {
    await using wire = await openWire({ methods: { hang: [fixture(z.unknown()), hang] } });
    wire.client.send(`{"jsonrpc":"2.0","method":"hang","id":${id}}`);
    wire.client.send(`{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":${id}},"id":"c"}`);
    expect((await wire.client.next()).error?.data.code).toBe("CANCELLED");
    expect(wire.client.lines[0]).toContain(`"id":${id},`);
    expect((await wire.client.next()).result).toEqual({ cancelled: true });
  });

  test("is cancelled by the spelling of its id, also as a positional param", async () => {
    await using wire = await openWire({ methods: { hang: [fixture(z.unknown()), hang] } });
    wire.client.send('{"jsonrpc":"2.0","method":"hang","id":1.0}');
    wire.client.send('{"jsonrpc":"2.0","method":"rpc.cancel","params":[1],"id":"another"}');
    expect((await wire.client.next()).result).toEqual({ cancelled: false });
    wire.client.send('{"jsonrpc":"2.0","method":"rpc.cancel","params":[1.0],"id":"the same"}');
    expect((await wire.client.next()).error?.data.code).toBe("CANCELLED");
    expect((await wire.client.next()).result).toEqual({ cancelled: true });
  });

  test("of an unknown method is answered with the nearest method", async () => {
    await using wire = await openWire();
    expect((await wire.client.call("subtrct")).error).toMatchObject({
      code: -32601,
      message: "No method is named subtrct; did you mean subtract?",
    });
    expect((await wire.client.call("rpc.nothing")).error?.code).toBe(-32601);
  });

  test.each([65_000, 66_000, 1_000_000])(
    "is answered with %i characters unchanged, among other calls and in a batch",
    async (length) => {
      await using wire = await openWire();
      const params = ["ä€😀\n".repeat(length / 4), length];
      const echo = (id: number) => ({ jsonrpc: "2.0", method: "echo", params, id });
      const answer = (id: number) => ({ jsonrpc: "2.0", id, result: params });
      wire.client.send('{"jsonrpc":"2.0","method":"ping","id":1}');
      wire.client.send(JSON.stringify(echo(2)));
      wire.client.send('{"jsonrpc":"2.0","method":"ping","id":3}');
      wire.client.send(JSON.stringify([echo(4), echo(5)]));
      expect((await wire.client.next()).id).toBe(1);
      expect(await wire.client.next()).toEqual(answer(2));
      expect((await wire.client.next()).id).toBe(3);
      expect(await wire.client.next()).toEqual([answer(4), answer(5)]);
    },
  );

  test("by an alias reaches the method", async () => {
    const { createMethodTable } = await import("../dispatch/method-table.ts");
    const table = createMethodTable(
      { "a.b": fixture(z.strictObject({})) },
      { "a.b": () => 1 },
      new Map([["b", "a.b"]]),
    );
    await using wire = await openWire({ table });
    expect((await wire.client.call("b")).result).toBe(1);
  });

  test("with a role that the method does not name is forbidden", async () => {
    const methods = { restricted: [{ ...fixture(z.strictObject({})), roles: ["operator"] }, () => 1] } as const;
    await using wire = await openWire({ methods });
    expect((await wire.client.call("restricted")).error?.data.code).toBe("FORBIDDEN");
  });

  test("that the policy does not authorize gets the policy's error", async () => {
    const authorize: CallPolicy["authorize"] = ({ name }) =>
      name === "echo" ? new BridgeError("RATE_LIMITED") : undefined;
    await using wire = await openWire({ policy: { authorize } });
    expect((await wire.client.call("echo")).error?.data.code).toBe("RATE_LIMITED");
    expect((await wire.client.call("ping")).result).toBe("pong");
  });

  test("that meets a bug is answered with only a correlation id, and the log has the rest under that id", async () => {
    await using wire = await openWire();
    const { error } = await wire.client.call("fail_async");
    expect(error).toMatchObject({ code: -32603, data: { code: "INTERNAL" } });
    expect(JSON.stringify(error)).not.toContain("secret-detail");
    expect(wire.log).toEqual([
      expect.objectContaining({
        level: "error",
        fields: expect.objectContaining({
          method: "fail_async",
          correlationId: error?.data.correlation_id,
          error: new Error("secret-detail"),
        }),
      }),
    ]);
  });

  test("is observed once, with its outcome", async () => {
    const seen: unknown[] = [];
    const onAnswered: CallPolicy["onAnswered"] = ({ entry, principal }, ms, code) =>
      seen.push([entry.name, principal.id, ms >= 0, code]);
    await using wire = await openWire({ policy: { onAnswered } });
    await wire.client.call("ping");
    await wire.client.call("slow", [1]);
    await wire.client.call("fail_custom");
    expect(seen).toEqual([
      ["ping", "user:0", true, undefined],
      ["slow", "user:0", true, undefined],
      ["fail_custom", "user:0", true, "-32050"],
    ]);
  });

  test("with an id that is in flight is refused, and the first one is answered", async () => {
    await using wire = await openWire();
    wire.client.send('{"jsonrpc":"2.0","method":"slow","params":[50],"id":"a"}');
    expect((await wire.client.call("ping", undefined, "a")).error?.data.code).toBe("DUPLICATE_ID");
    expect(await wire.client.next()).toEqual({ jsonrpc: "2.0", id: "a", result: 50 });
    expect((await wire.client.call("ping", undefined, "a")).result).toBe("pong");
  });

  test("that is cancelled is answered with CANCELLED, its handler's signal aborts, and its later result is dropped", async () => {
    await using wire = await openWire({ methods: { hang: [fixture(z.unknown()), hang] } });
    wire.client.send('{"jsonrpc":"2.0","method":"hang","id":"h"}');
    wire.client.send('{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":"h"},"id":2}');
    expect((await wire.client.next()).error?.data.code).toBe("CANCELLED");
    expect((await wire.client.next()).result).toEqual({ cancelled: true });
    expect((await wire.client.call("rpc.cancel", { id: "h" })).result).toEqual({ cancelled: false });
    expect(wire.log.map(({ level }) => level)).toEqual(["debug"]);
  });

  test("that passes its deadline is answered with TIMEOUT", async () => {
    await using wire = await openWire({
      limits: { callDeadlineMs: 100 },
      methods: { hang: [fixture(z.unknown()), hang] },
    });
    expect((await wire.client.call("hang")).error?.data.code).toBe("TIMED_OUT");
  });

  test("is aborted when its connection closes", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const watch: AnyHandler = (_, call) => {
      call.signal.addEventListener("abort", () => resolve(call.signal.reason));
      return hang(undefined as never, call);
    };
    await using wire = await openWire({ methods: { watch: [fixture(z.unknown()), watch] } });
    wire.client.send('{"jsonrpc":"2.0","method":"watch","id":1}');
    await wire.client.call("ping", undefined, 2);
    wire.client.socket.destroy();
    await expect(promise).resolves.toMatchObject({ code: "CANCELLED" });
  });
});

describe("a line", () => {
  test("with a part of a value is refused with a hint to send the value on one line", async () => {
    await using wire = await openWire();
    wire.client.send('{\n"jsonrpc": "2.0",\n"method": "ping"\n}');
    const { error } = await wire.client.next();
    expect(error?.code).toBe(-32700);
    expect(error?.message).toContain("jq -c");
  });

  test("of HTTP ends the connection before its body is parsed", async () => {
    await using wire = await openWire();
    wire.client.socket.write('POST / HTTP/1.1\r\n\r\n{"jsonrpc":"2.0","method":"ping","id":1}\n');
    await wire.client.ended();
    expect(wire.client.lines.join()).not.toContain("pong");
    expect(wire.server.stats.cut).toBe(1);
  });

  test("that is deeper or longer than allowed is refused, and only a longer one ends the connection", async () => {
    await using wire = await openWire({ limits: { frameBytesMax: 2_000 } });
    expect((await wire.client.call("echo", JSON.parse(`${"[".repeat(70)}${"]".repeat(70)}`))).error?.message).toContain(
      "deeper than 64",
    );
    expect((await wire.client.call("echo", ["é".repeat(1_000)])).error?.data.code).toBe("FRAME_TOO_LARGE");
    await wire.client.ended();
  });

  test("without a newline is answered when the peer half-closes, and then the connection ends", async () => {
    await using wire = await openWire();
    wire.client.socket.end('{"jsonrpc":"2.0","method":"slow","params":[20],"id":1}');
    expect((await wire.client.next()).result).toBe(20);
    await wire.client.ended();
  });
});

describe("a batch", () => {
  test("is answered as one array, with a result or error for each element", async () => {
    await using wire = await openWire();
    wire.client.send(
      '[1,null,[],{"jsonrpc":"2.0","method":"slow","params":[5],"id":1},{"jsonrpc":"2.0","method":"update"},{"jsonrpc":"2.0","method":"ping","id":"p"}]',
    );
    const answers = (await wire.client.next()) as unknown as { id: unknown; result?: unknown }[];
    expect(answers.map(({ id, result }) => [id, result])).toEqual([
      [null, undefined],
      [null, undefined],
      [null, undefined],
      ["p", "pong"],
      [1, 5],
    ]);
  });

  test("of notifications is not answered, an empty or too long one with an error", async () => {
    await using wire = await openWire({ limits: { batchMax: 2 } });
    wire.client.send('[{"jsonrpc":"2.0","method":"update"}]');
    wire.client.send("[]");
    expect((await wire.client.next()).error?.message).toBe("The batch is empty");
    wire.client.send("[1,2,3]");
    expect((await wire.client.next()).error?.message).toBe("The batch has more than 2 requests");
  });

  test("whose answers grow past the bound gets errors for the rest of them", async () => {
    await using wire = await openWire({ limits: { replyBytesMax: 10_000 } });
    const one = (id: number) => `{"jsonrpc":"2.0","method":"big","params":[4000],"id":${id}}`;
    wire.client.send(`[${[1, 2, 3, 4].map(one).join(",")}]`);
    const answers = (await wire.client.next()) as unknown as { error?: unknown }[];
    expect(answers.map(({ error }) => error === undefined)).toEqual([true, true, false, false]);
  });
});

describe("validateResults", () => {
  const declared = { ...fixture(z.unknown(), z.number()), result: z.object({ n: z.number() }) };

  test("checks results, items and errors against the contract", async () => {
    const methods = {
      wrong_result: [declared, () => ({ n: "1" })],
      wrong_error: [declared, () => Promise.reject(new BridgeError("AGENT_NOT_FOUND"))],
      wrong_item: [declared, async (_: never, call: Parameters<AnyHandler>[1]) => call.write("x")],
      right: [{ ...declared, errors: ["AGENT_NOT_FOUND"] }, () => Promise.reject(new BridgeError("AGENT_NOT_FOUND"))],
    } as const;
    await using wire = await openWire({ validateResults: true, methods });
    for (const name of ["wrong_result", "wrong_error", "wrong_item"]) {
      expect((await wire.client.call(name)).error?.data.code).toBe("INTERNAL");
    }
    expect(wire.log.filter(({ level }) => level === "error")).toHaveLength(3);
    expect((await wire.client.call("right")).error?.code).toBe(-2);
  });

  test("costs nothing when off", async () => {
    await using wire = await openWire({ methods: { wrong: [declared, () => ({ n: "1" })] } });
    expect((await wire.client.call("wrong")).result).toEqual({ n: "1" });
  });
});

describe("a push", () => {
  test("that is made while a call is answered is sent after the answer", async () => {
    const greet: AnyHandler = (_, call) => {
      call.peer.push(Buffer.from('{"jsonrpc":"2.0","method":"greeting"}\n'));
      return "done";
    };
    await using wire = await openWire({ methods: { greet: [fixture(z.unknown()), greet] } });
    expect((await wire.client.call("greet")).result).toBe("done");
    expect((await wire.client.next()).method).toBe("greeting");
  });
});
