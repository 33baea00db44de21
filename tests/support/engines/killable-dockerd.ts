import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { engineAnswers } from "./dockerd.ts";

const startDeadlineMs = 120_000;

/** Starts a private dockerd that can be killed and started again while its containers keep running. It runs when this resolves. */
export async function startKillableDockerd(directory: string, flags: readonly string[] = []) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const host = `unix://${join(directory, "docker.sock")}`;
  let child: ChildProcess | undefined;
  const start = async () => {
    launch();
    const answers = async () => {
      // A dockerd that gives up on a slow machine is started again, as a service manager does.
      if (child?.exitCode !== null || child.signalCode !== null) launch();
      return await engineAnswers(host);
    };
    await until("dockerd answers", answers, startDeadlineMs);
  };
  const launch = () => {
    // Where nothing reaps the containerd that died with a killed dockerd, its pid would count as running.
    for (const pid of ["pid", "exec/containerd/containerd.pid"]) rmSync(join(directory, pid), { force: true });
    child = spawn(
      "dockerd",
      [
        "--data-root",
        join(directory, "data"),
        "--exec-root",
        join(directory, "exec"),
        "--live-restore",
        "--pidfile",
        join(directory, "pid"),
        "-H",
        host,
        "--iptables=false",
        "--ip-masq=false",
        "--bridge=none",
        ...flags,
      ],
      { stdio: "ignore" },
    );
  };
  const end = async (signal: "SIGKILL" | "SIGTERM") => {
    const ended = new Promise((resolve) => child?.once("close", resolve));
    child?.kill(signal);
    await ended;
  };
  await start();
  return {
    host,
    start,
    kill: () => end("SIGKILL"),
    async [Symbol.asyncDispose]() {
      if (child?.exitCode === null && child.signalCode === null) await end("SIGTERM");
      // A killed dockerd leaves its mounts.
      const mounts = readFileSync("/proc/mounts", "utf8")
        .split("\n")
        .map((line) => line.split(" ")[1] ?? "");
      for (const mount of mounts.toReversed()) if (mount.startsWith(directory)) spawnSync("umount", ["-l", mount]);
    },
  };
}
