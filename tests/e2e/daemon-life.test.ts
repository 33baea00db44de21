import { lstatSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

describe("the daemon", () => {
  test("creates its socket again when something removes the file, and keeps its connections", async () => {
    await using daemon = await startTestDaemon({ engine: "process" });
    rmSync(daemon.socket);
    await until("the socket is back", async () => lstatSync(daemon.socket, { throwIfNoEntry: false })?.isSocket());
    expect(lstatSync(daemon.socket).mode & 0o777).toBe(0o600);
    expect((await daemon.cli(["status"])).code).toBe(0);
    expect(await daemon.client.rpc.ping()).toEqual({ pong: true });
  });

  test("stops in order when its terminal is closed (SIGHUP)", async () => {
    await using daemon = await startTestDaemon({ engine: "process", start: ["heartbeat"] });
    daemon.process.child.kill("SIGHUP");
    const { code } = await daemon.process.finished;
    expect(code).toBe(0);
    expect(lstatSync(daemon.socket, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("does not open an inspector at SIGUSR1", async () => {
    await using daemon = await startTestDaemon({ engine: "process" });
    daemon.process.child.kill("SIGUSR1");
    expect(await daemon.client.rpc.ping()).toEqual({ pong: true });
    const isOpen = await new Promise((resolve) => {
      const probe = connect({ port: 9229, host: "127.0.0.1" });
      probe.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    expect({ isOpen, told: daemon.process.output.stderr.includes("Debugger listening") }).toEqual({
      isOpen: false,
      told: false,
    });
  });

  test("keeps running when nobody reads its log any more", async () => {
    await using daemon = await startTestDaemon({ engine: "process" });
    daemon.process.child.stderr?.destroy();
    daemon.process.child.stdout?.destroy();
    for (let count = 0; count < 3; count++) await daemon.client.agent.start({ agent_type: "heartbeat" });
    const { agents } = await daemon.client.bridge.status();
    expect(agents.total).toBe(3);
  });

  test("measures its uptime by the monotonic clock", async () => {
    using temp = tempDirectory();
    const [preload, mark] = [join(temp.path, "yesterday.mjs"), join(temp.path, "mark")];
    const dayMs = 86_400_000;
    const shifted = `now() - (existsSync(${JSON.stringify(mark)}) ? ${dayMs} : 0)`;
    writeFileSync(
      preload,
      `import { existsSync } from "node:fs"; const now = Date.now; Date.now = () => ${shifted};\n`,
    );
    await using daemon = await startTestDaemon({ engine: "process", env: { NODE_OPTIONS: `--import=${preload}` } });
    writeFileSync(mark, "");
    const { uptime_ms: uptimeMs } = await daemon.client.bridge.status();
    expect({ isPositive: uptimeMs > 0, isShort: uptimeMs < dayMs / 2 }).toEqual({ isPositive: true, isShort: true });
  });
});
