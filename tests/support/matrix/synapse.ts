import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { listenOnLoopback } from "../loopback.ts";
import { type CachedTree, directoryOf, provideTree } from "../machine/cached-tree.ts";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";

const tree: CachedTree = {
  name: "synapse",
  recipe: ["../matrix/synapse-root.sh", "debian-packages.sh", "../matrix/synapse.yaml", "../matrix/synapse-log.yaml"],
  usedBy: "the Matrix tests",
};

/** Whether the homeserver is installed; tests that need it check this before they register. */
export const synapseIsThere = (): boolean => existsSync(directoryOf(tree));

/** Installs the real homeserver of the Matrix tests. The first time takes about 20 s and 70 MB. */
export const provideSynapse = (env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<string | undefined> =>
  provideTree(tree, env, say);

export interface Synapse extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The directory of its `homeserver.db`. */
  readonly data: string;
  /** Creates a user, and returns its Matrix id. */
  register(name: string, password: string): Promise<string>;
  /** Kills it, like a power cut of its machine. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port, with other settings where given (YAML). */
  restart(extraSettings?: string): Promise<void>;
}

/**
 * Starts a new, empty homeserver on a free port of the loopback interface.
 * @param files the files that its settings name, by their names in its `/data`
 */
export async function startSynapse(
  extraSettings?: string,
  files: Readonly<Record<string, string>> = {},
): Promise<Synapse> {
  const temp = tempDirectory();
  const data = join(temp.path, "data");
  cpSync(join(directoryOf(tree), "data"), data, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(data, name), content);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child = await boot(data, port, extraSettings);
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "close");
    child.kill("SIGKILL");
    await gone;
  };
  return {
    url,
    port,
    data,
    register: (name, password) => register(url, name, password),
    kill,
    async restart(settings) {
      await kill();
      child = await boot(data, port, settings);
    },
    async [Symbol.asyncDispose]() {
      await kill();
      temp[Symbol.dispose]();
    },
  };
}

async function boot(data: string, port: number, extra = "{}"): Promise<ChildProcess> {
  const mounts = ["--ro-bind", directoryOf(tree), "/", "--bind", data, "/data", "--proc", "/proc", "--dev", "/dev"];
  const env = { PATH: "/usr/bin:/usr/sbin", PORT: String(port), EXTRA: extra, PYTHONDONTWRITEBYTECODE: "1" };
  const set = Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]);
  // With its own pid namespace no process of the homeserver outlives the test, however the test ends.
  const flags = [...mounts, "--tmpfs", "/tmp", "--unshare-pid", "--die-with-parent", "--clearenv", ...set];
  const child = spawn("bwrap", [...flags, "sh", "/run.sh"], { stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-4000);
  });
  await until(
    "Synapse's first answer",
    async () => {
      if (child.exitCode !== null) throw new Error(`Synapse ended: ${output}`);
      const answer = await fetch(`http://127.0.0.1:${port}/_matrix/client/versions`, {
        signal: AbortSignal.timeout(1000),
      });
      return answer.ok;
    },
    60_000,
  );
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  server.close();
  await once(server, "close");
  return port;
}

async function register(url: string, username: string, password: string): Promise<string> {
  const endpoint = `${url}/_synapse/admin/v1/register`;
  const { nonce } = (await (await fetch(endpoint)).json()) as { nonce: string };
  const mac = createHmac("sha1", "for-tests-only")
    .update([nonce, username, password, "notadmin"].join("\0"))
    .digest("hex");
  const body = JSON.stringify({ nonce, username, password, admin: false, mac });
  const answer = await fetch(endpoint, { method: "POST", body });
  const { user_id: userId } = (await answer.json()) as { user_id?: string };
  if (userId === undefined) throw new Error(`Synapse did not register ${username}: ${answer.status}`);
  return userId;
}
