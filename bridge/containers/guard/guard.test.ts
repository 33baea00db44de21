import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { nodeBinary, repositoryRoot } from "../../../tests/support/daemon.ts";
import { describeIf } from "../../../tests/support/machine/require-part.ts";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { until } from "../../../tests/support/until.ts";

const isPossible = process.platform === "linux" && existsSync("/usr/bin/perl");

/** A process that has a guard and holds one agent. After `ready` its loop stands still for as many milliseconds as it was given. */
const bridge = `
import { Guard } from ${JSON.stringify(join(repositoryRoot, "bridge/containers/guard/guard.ts"))};
import { loadNativeCalls } from ${JSON.stringify(join(repositoryRoot, "bridge/platform/os/peer-credentials.ts"))};
const [directory, agent, stillMs] = process.argv.slice(1);
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => { console.log("taken"); process.exit(); });
const logger = { debug() {}, info() {}, warn(_, message) { console.log(message); }, error(_, message) { console.log(message); } };
const guard = new Guard({
  socketPath: directory + "/panic.sock", panicFile: directory + "/panic", stopGraceMs: 1_500, hardStopMs: 3_000,
  native: loadNativeCalls(), logger,
});
guard.start(async () => undefined);
guard.hold("agent-1", Number(agent));
setTimeout(() => {
  console.log("still");
  for (const end = performance.now() + Number(stillMs); performance.now() < end; );
}, 500);
setInterval(() => undefined, 1_000);
`;

function startStill(directory: string, agent: number, stillMs: number) {
  const flags = ["--conditions=armorclaw-source", "--no-warnings", "--input-type=module", "-e", bridge];
  const child = spawn(nodeBinary, [...flags, directory, String(agent), String(stillMs)], {
    cwd: repositoryRoot,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  return { child, said: () => said };
}

const startAgent = () => spawn("sleep", ["600"], { stdio: "ignore" });

describeIf(isPossible, "Perl is not installed", "a guard", () => {
  test("a signal that the bridge's loop does not take stops the agents, and then the bridge", async () => {
    using directory = tempDirectory();
    const agent = startAgent();
    const agentEnds = once(agent, "exit");
    const { child, said } = startStill(directory.path, agent.pid ?? 0, 60_000);
    const bridgeEnds = once(child, "exit");
    await until("its loop stands still", () => said().includes("still"));
    child.kill("SIGTERM");
    expect((await agentEnds)[1]).toBe("SIGTERM");
    expect((await bridgeEnds)[1]).toBe("SIGKILL");
    expect(said()).toContain("has not taken a signal to stop");
    expect(existsSync(join(directory.path, "panic.sock"))).toBe(false);
  }, 60_000);

  test("a bridge that takes its signal late stops by itself", async () => {
    using directory = tempDirectory();
    const agent = startAgent();
    const { child, said } = startStill(directory.path, agent.pid ?? 0, 600);
    const bridgeEnds = once(child, "exit");
    await until("its loop stands still", () => said().includes("still"));
    child.kill("SIGTERM");
    expect((await bridgeEnds)[0]).toBe(0);
    expect(said()).toContain("taken");
    expect(readFileSync(`/proc/${agent.pid}/stat`, "utf8")).toContain("sleep");
    agent.kill("SIGKILL");
  }, 60_000);
});
