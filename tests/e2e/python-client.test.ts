import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { serveFixtures } from "../support/wire/serve.ts";

test("the Python client calls, batches, streams and cancels, blocking and with asyncio", async () => {
  await using served = await serveFixtures();
  const script = join(import.meta.dirname, "../../clients/python/client_test.py");
  const run = promisify(execFile)("python3", ["-B", script, served.path], { timeout: 25_000 });
  expect((await run).stdout).toBe("ok\n");
});
