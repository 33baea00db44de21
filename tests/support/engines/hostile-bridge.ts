import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeBinary, repositoryRoot, startTestDaemon, type TestDaemon, type TestDaemonOptions } from "../daemon.ts";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";

/** An agent that does what the test tells it. */
export interface HostileAgent {
  readonly id: string;
  /** Runs code to its end and answers its value. */
  run(code: string): Promise<unknown>;
  /** Starts an attack. */
  begin(code: string): Promise<void>;
  /** Ends the attack, and answers how often each outcome came. */
  end(): Promise<Readonly<Record<string, number>>>;
}

export interface HostileBridge extends AsyncDisposable {
  readonly daemon: TestDaemon;
  /** Starts an agent of the loop heartbeat, which may send to its own kind. */
  startAgent(): Promise<HostileAgent>;
}

const [answerMs, triesMax] = [15_000, 4];

/** The real bridge, whose agents run the hostile bundle in real containers. */
export async function startHostileBridge(
  options: Omit<TestDaemonOptions, "command" | "start">,
): Promise<HostileBridge> {
  const temp = tempDirectory();
  const daemon = await startTestDaemon({ ...options, command: [nodeBinary, copyProgram(temp.path)] });
  return {
    daemon,
    startAgent: async () => {
      const { agent_id } = await daemon.client.agent.start({ agent_type: "heartbeat" });
      await until(
        `${agent_id} to obey`,
        async () => (await daemon.client.agent.get({ agent_id })).activity === "active",
        60_000,
      );
      return hostileAgent(daemon, agent_id);
    },
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      temp[Symbol.dispose]();
    },
  };
}

function hostileAgent({ client }: TestDaemon, id: string): HostileAgent {
  let commands = 0;
  const tell = async (act: string, code: string): Promise<unknown> => {
    const n = ++commands;
    const command = { channel: `agent.${id}.commands`, type: "test.command", data: { n, act, code } };
    // An attack may have ended the attacker itself; its next start has not been told.
    for (let tries = 0; tries < triesMax; tries++) {
      const off = new AbortController();
      await using answers = client.subscribe({ channels: [`agent.${id}.answers`] }, { signal: off.signal });
      await answers.ready;
      await client.event.publish(command);
      const timer = setTimeout(() => off.abort(), answerMs);
      try {
        for await (const { data } of answers) if (data["n"] === n) return data["answer"];
      } catch (error) {
        if (!off.signal.aborted) throw error;
      } finally {
        clearTimeout(timer);
      }
    }
    throw new Error(`${id} did not answer`);
  };
  return {
    id,
    run: (code) => tell("run", code),
    begin: async (code) => void (await tell("begin", code)),
    end: async () => (await tell("end", "")) as Readonly<Record<string, number>>,
  };
}

/** A copy of the sources whose agents' bundle is the hostile one. The packages are the repository's own. */
function copyProgram(directory: string): string {
  const own = ["agent-runtime", "bridge", "client-sdk", "protocol"];
  for (const folder of [...own, "bin"])
    cpSync(join(repositoryRoot, folder), join(directory, folder), {
      recursive: true,
      filter: (path) => !/\/(?:node_modules|dist)$|\.test\.ts$/.test(path),
    });
  cpSync(join(repositoryRoot, "package.json"), join(directory, "package.json"));
  const packages = join(repositoryRoot, "node_modules");
  mkdirSync(join(directory, "node_modules/@armorclaw"), { recursive: true });
  for (const name of readdirSync(packages))
    if (name !== "@armorclaw" && name !== ".cache")
      symlinkSync(join(packages, name), join(directory, "node_modules", name));
  for (const name of own.filter((folder) => folder !== "bridge"))
    symlinkSync(`../../${name}`, join(directory, "node_modules/@armorclaw", name));
  mkdirSync(join(directory, "dist/agent"), { recursive: true });
  cpSync(join(import.meta.dirname, "hostile-agent.mjs"), join(directory, "dist/agent/agent.mjs"));
  const manifest = join(directory, "agent-runtime/loops/heartbeat.manifest.ts");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace('name: "heartbeat",', '$& sends_to: ["heartbeat"],'));
  return join(directory, "bin/armorclaw.mjs");
}
