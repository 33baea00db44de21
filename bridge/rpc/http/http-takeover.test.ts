import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { fixture } from "../../../tests/support/wire/fixture-methods.ts";
import { serveFixtures } from "../../../tests/support/wire/serve.ts";
import { WireClient } from "../../../tests/support/wire/wire-client.ts";

const execute = promisify(execFile);
const pages = { health: () => ({ status: "ok" }), metrics: async () => "up 1\n" };

/** Returns curl's output: the body, and the status on its own line. */
async function curl(path: string, args: readonly string[]): Promise<{ body: string; status: string; type: string }> {
  const format = "\n%{http_code} %{content_type}";
  const { stdout } = await execute("curl", ["-sS", "-m", "10", "-w", format, "--unix-socket", path, ...args], {
    maxBuffer: 1e8,
  });
  const at = stdout.lastIndexOf("\n");
  const [status = "", type = ""] = stdout.slice(at + 1).split(" ");
  return { body: stdout.slice(0, at), status, type };
}

const post = (body: string) => ["-d", body, "http://bridge/rpc"];

describe("HTTP on the Unix socket", () => {
  test("answers a call, a batch, a notification and a value that is spread over lines", async () => {
    await using served = await serveFixtures({ pages });
    const pong = '{"jsonrpc":"2.0","id":1,"result":"pong"}\n';
    expect(await curl(served.path, post('{"jsonrpc":"2.0","id":1,"method":"ping"}'))).toEqual({
      body: pong,
      status: "200",
      type: "application/json",
    });
    expect((await curl(served.path, post('[{"jsonrpc":"2.0","id":1,"method":"ping"}]'))).body).toBe(
      `[${pong.trim()}]\n`,
    );
    expect(await curl(served.path, post('{"jsonrpc":"2.0","method":"ping"}'))).toMatchObject({
      body: "",
      status: "204",
    });
    const spread = [
      "--data-binary",
      '{\n  "jsonrpc": "2.0",\n  "id": 1,\n  "method": "ping"\n}\n',
      "http://bridge/rpc",
    ];
    expect((await curl(served.path, spread)).body).toBe(pong);
  });

  test("sends a large answer whole, and a stream as lines", async () => {
    await using served = await serveFixtures({ pages });
    const big = await curl(served.path, post('{"jsonrpc":"2.0","id":1,"method":"big","params":[3000000]}'));
    expect(JSON.parse(big.body).result).toHaveLength(3_000_000);
    const params = '{"count":200,"bytes":10000}';
    const stream = await curl(served.path, post(`{"jsonrpc":"2.0","id":1,"method":"stream","params":${params}}`));
    expect(stream.type).toBe("application/x-ndjson");
    const lines = stream.body.trim().split("\n");
    expect(lines).toHaveLength(201);
    expect(JSON.parse(lines[200] ?? "")).toEqual({ jsonrpc: "2.0", id: 1, result: 200 });
  });

  test("serves the health and the metrics, and lists its paths", async () => {
    await using served = await serveFixtures({ pages });
    expect((await curl(served.path, ["http://bridge/health"])).body).toBe('{"status":"ok"}\n');
    expect((await curl(served.path, ["http://bridge/metrics"])).body).toBe("up 1\n");
    expect((await curl(served.path, ["http://bridge/"])).status).toBe("404");
    expect((await curl(served.path, ["http://bridge/rpc"])).status).toBe("405");
  });

  test("is closed when a request does not arrive in time, or its body is too long", async () => {
    await using served = await serveFixtures({ pages, limits: { lineDeadlineMs: 200, frameBytesMax: 1024 } });
    await using slow = await WireClient.open(served.path);
    slow.socket.write("POST /rpc HTTP/1.1\r\nHost: bridge\r\nContent-Length: 100\r\n\r\n{");
    await slow.ended();
    expect((await curl(served.path, post(`"${"x".repeat(2000)}"`))).status).toBe("413");
  });

  test("aborts the call when its caller disconnects, and counts as a connection until then", async () => {
    const aborted = Promise.withResolvers<void>();
    const hang = fixture(z.unknown());
    const methods = {
      hang: [
        hang,
        (_: never, call: { readonly signal: AbortSignal }) =>
          new Promise((_, reject) =>
            call.signal.addEventListener("abort", () => {
              aborted.resolve();
              reject(call.signal.reason);
            }),
          ),
      ],
    } as const;
    await using served = await serveFixtures({ pages, methods });
    await using client = await WireClient.open(served.path);
    const body = '{"jsonrpc":"2.0","id":1,"method":"hang"}';
    client.socket.write(`POST /rpc HTTP/1.1\r\nHost: b\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await client.until(() => served.server.stats.connections === 2, "the request");
    client.socket.destroy();
    await aborted.promise;
    await client.until(() => served.server.stats.connections === 0, "the end of both");
  });

  test("is not served to agents", async () => {
    const principal = { kind: "agent", id: "agent:a-1", agentId: "a-1", role: "agent" } as never;
    await using served = await serveFixtures({ pages, principal });
    await using client = await WireClient.open(served.path);
    client.socket.write("GET /health HTTP/1.1\r\nHost: b\r\n\r\n");
    expect((await client.next()).error?.data.code).toBe("PARSE_ERROR");
  });
});
