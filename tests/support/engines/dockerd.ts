import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { until } from "../until.ts";

export interface DockerEngineForTests {
  /** The address in DOCKER_HOST's form. */
  readonly host: string;
}

/** Returns the engine that tests use: the one of the test run, or the user's own. Undefined when there is none. */
export async function ensureDocker(): Promise<DockerEngineForTests | undefined> {
  const named = [process.env["ARMORCLAW_TEST_DOCKER_HOST"], process.env["DOCKER_HOST"], "unix:///var/run/docker.sock"];
  for (const host of named) if (host !== undefined && (await engineAnswers(host))) return { host };
  return undefined;
}

/** Only engines on Unix sockets are tried, because tests mount directories of this machine. */
export async function engineAnswers(host: string): Promise<boolean> {
  return host.startsWith("unix://") && (await answers(host.slice("unix://".length)));
}

/**
 * Starts a private engine under `directory`, without any network set-up, and returns its address and how to stop it.
 * Needs root and the docker.io package.
 */
export async function startPrivateDockerd(
  directory: string,
): Promise<DockerEngineForTests & { stop(): Promise<void> }> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const socket = join(directory, "docker.sock");
  const log = join(directory, "log");
  const output = openSync(log, "w");
  const child = spawn(
    "dockerd",
    [
      "--data-root",
      join(directory, "data"),
      "--exec-root",
      join(directory, "exec"),
      "--pidfile",
      join(directory, "pid"),
      "-H",
      `unix://${socket}`,
      "--iptables=false",
      "--ip-masq=false",
      "--bridge=none",
    ],
    { stdio: ["ignore", output, output] },
  );
  closeSync(output);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()).once("error", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await until("the private dockerd answers", async () => {
      if (child.exitCode !== null || child.pid === undefined) throw new Error(tail(log));
      return await answers(socket);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { host: `unix://${socket}`, stop };
}

const tail = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8").slice(-500) : "it did not start");

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: "/_ping", timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once("timeout", () => call.destroy());
    call.once("error", () => resolve(false));
    call.end();
  });
}
