import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { tempDirectory } from "./temp.ts";
import { until } from "./until.ts";

const script = new URL("synapse-root.sh", import.meta.url).pathname;
const parts = ["synapse-root.sh", "synapse.yaml", "synapse-log.yaml"];

/** Where the unpacked homeserver is kept between runs; a changed recipe gets a directory of its own. */
function rootDirectory(): string {
  const recipe = createHash("sha256");
  for (const part of parts) recipe.update(readFileSync(new URL(part, import.meta.url)));
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(cache, "armorclaw-test", `synapse-${recipe.digest("hex").slice(0, 12)}`);
}

/** Whether the homeserver is there; tests that need it ask before they register. */
export const synapseIsThere = (): boolean => existsSync(rootDirectory());

/**
 * Gets the real homeserver that the Matrix tests run against: some 20 s and 70 MB the first time, nothing after that.
 * Announces its steps.
 * @returns why it cannot be had, when it cannot
 */
export async function provideSynapse(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<string | undefined> {
  const root = rootDirectory();
  if (existsSync(root)) return undefined;
  if (env["ARMORCLAW_TEST_PROVISION"] === "0")
    return "no Synapse, and ARMORCLAW_TEST_PROVISION=0: the Matrix tests cannot run";
  await mkdir(join(root, ".."), { recursive: true });
  say("making a Synapse homeserver from Debian's packages, kept for the next run");
  const fresh = `${root}.${process.pid}`;
  const child = spawn("sh", [script, fresh], { stdio: ["ignore", "ignore", "pipe"], timeout: 600_000 });
  const lines: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.split("\n").filter((part) => part !== "")) {
      lines.push(line);
      say(`synapse: ${line}`);
    }
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) return `Synapse could not be had (${lines.at(-1) ?? "no reason given"}): the Matrix tests cannot run`;
  // Another run may have been faster; its tree is as good.
  await rename(fresh, root).catch(() => execFileSync("rm", ["-rf", fresh]));
  return undefined;
}

export interface Synapse extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Holds its `homeserver.db`. */
  readonly data: string;
  /** Makes a user, and returns its Matrix id. */
  register(name: string, password: string): Promise<string>;
  /** Ends it without warning, as a power cut of its machine would. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port, with other settings where given (YAML). */
  restart(extraSettings?: string): Promise<void>;
}

/**
 * Starts a homeserver of its own, empty, on a free port of the loopback.
 * @param files that its settings name, by their names in its `/data`
 */
export async function startSynapse(
  extraSettings?: string,
  files: Readonly<Record<string, string>> = {},
): Promise<Synapse> {
  const temp = tempDirectory();
  const data = join(temp.path, "data");
  cpSync(join(rootDirectory(), "data"), data, { recursive: true });
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
    ...{ url, port, data },
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
  const mounts = ["--ro-bind", rootDirectory(), "/", "--bind", data, "/data", "--proc", "/proc", "--dev", "/dev"];
  const env = { PATH: "/usr/bin:/usr/sbin", PORT: String(port), EXTRA: extra, PYTHONDONTWRITEBYTECODE: "1" };
  const set = Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]);
  // With a process namespace of its own nothing of it outlives the test, however that ends.
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
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
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
