import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { connect } from "@armorclaw/client-sdk";
import { expect, test } from "@jest/globals";
import { nodeBinary, program } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

describeOnEngines(
  "an agent",
  (engine) => {
    test("gets no descriptor that the bridge inherited", async () => {
      using directory = tempDirectory();
      const [runtime, state] = [join(directory.path, "r"), join(directory.path, "s")];
      const args = [
        program,
        "run",
        "--engine",
        engine,
        "--runtime-dir",
        runtime,
        "--state-dir",
        state,
        "--set",
        "agents.start=heartbeat",
      ];
      const daemon = spawn(nodeBinary, args, {
        stdio: ["ignore", "ignore", "ignore", "pipe", "ignore", "ignore", "ignore", "ignore", "ignore", "pipe"],
      });
      const links = (pid: number) => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      try {
        const client = await until("the socket", () =>
          connect({ socketPath: join(runtime, "bridge.sock"), reconnect: false }),
        );
        const agent = await until("it runs", async () => {
          const [first] = (await client.agent.list()).agents;
          return first?.state === "running" ? first : undefined;
        });
        const leaked = readlinkSync(`/proc/${daemon.pid}/fd/9`);
        expect(links(daemon.pid ?? 0)).toContain(leaked);
        expect(links(agent.pid ?? 0)).not.toContain(leaked);
        await client.close();
      } finally {
        daemon.kill("SIGTERM");
        await once(daemon, "close");
      }
    }, 30_000);
  },
  ["sandbox", "process"],
);
