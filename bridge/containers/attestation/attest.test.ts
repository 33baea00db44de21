import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { openProbeEngine, probeOptions, startProbe } from "../../../tests/support/engines/engine-harness.ts";
import { describeIf } from "../../../tests/support/machine/require-part.ts";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { attestProcess } from "./attest.ts";

const isThere = process.getuid?.() === 0 && spawnSync("bwrap", ["--version"]).status === 0;

describeIf(isThere, "it needs root and bubblewrap", "attestation of a sandbox", () => {
  test("does not count a filter that was inherited from the bridge as the agent's own", async () => {
    using directory = tempDirectory();
    const engine = await openProbeEngine(probeOptions("sandbox", directory.path));
    {
      await using probe = await startProbe(engine, directory.path);
      const promised = { isolation: "sandbox", uid: probe.hello.uid, namespaces: [], locked: true } as const;
      const pid = probe.container.pid ?? 0;
      expect(attestProcess(pid, promised).missing).toEqual([]);
      expect(attestProcess(pid, { ...promised, inheritedFilters: 1 }).missing).toEqual(["the system call filter"]);
    }
    await engine.close();
  }, 30_000);

  test("succeeds under a bridge that has a filter itself, for example from systemd's hardening", async () => {
    using directory = tempDirectory();
    const filter = join(directory.path, "filter");
    const allowAll = Buffer.alloc(8);
    allowAll.writeUInt16LE(0x06, 0);
    allowAll.writeUInt32LE(0x7fff_0000, 4);
    writeFileSync(filter, allowAll);
    const fd = openSync(filter, "r");
    const host = join(import.meta.dirname, "../../../tests/support/engines/engine-host.ts");
    const inner = [process.execPath, "--conditions=armorclaw-source", host, "sandbox", directory.path];
    const child = spawn(
      "bwrap",
      ["--dev-bind", "/", "/", "--cap-add", "ALL", "--seccomp", "3", "--", ...inner, `filtered${process.pid}`],
      { stdio: ["ignore", "pipe", "inherit", fd], detached: true },
    );
    closeSync(fd);
    const ended = once(child, "close");
    const said = new Promise((resolve) => child.stdout?.once("data", resolve));
    const first = String(await Promise.race([said, ended]));
    // Bubblewrap and the bridge in it are one process group; the probe agent ends with its connection.
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await ended;
    expect(first).toMatch(/^\{"pid":\d+\}/);
  }, 30_000);
});
