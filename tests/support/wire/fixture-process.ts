import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";
import { WireClient } from "./wire-client.ts";

/** The fixture server in its own process, so that its memory can be measured. */
export interface FixtureProcess extends AsyncDisposable {
  readonly path: string;
  residentBytes(): number;
}

export async function startFixtureProcess(flags: readonly string[] = []): Promise<FixtureProcess> {
  const directory = tempDirectory();
  const path = join(directory.path, "fixture.sock");
  const script = join(import.meta.dirname, "fixture-server.ts");
  const server = spawn(process.execPath, ["--conditions=armorclaw-source", script, "--socket", path, ...flags], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const dispose = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      server.kill();
      await once(server, "close");
    }
    directory[Symbol.dispose]();
  };
  try {
    await until("the fixture server's start", async () => {
      await using client = await WireClient.open(path);
      return await client.call("ping");
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    path,
    residentBytes: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) * 1024,
    [Symbol.asyncDispose]: dispose,
  };
}
