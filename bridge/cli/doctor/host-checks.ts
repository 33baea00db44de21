import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { promisify } from "node:util";
import { type Finding, ok, trouble, warning } from "./finding.ts";

const deadlineMs = 3_000;

/** Which engines this machine has. For when no bridge runs that could report it. */
export async function checkHost(dockerHost: string | undefined): Promise<Finding[]> {
  if (process.platform === "win32")
    return [warning("agents", "Agents cannot run on Windows", "Run the bridge on Linux, e.g. in WSL")];
  if (process.platform !== "linux") return [await checkDocker(dockerHost)];
  const [docker, bubblewrap] = await Promise.all([checkDocker(dockerHost), checkBubblewrap()]);
  const isEither = docker.status === "ok" || bubblewrap.status === "ok";
  // One of the two is enough.
  const engines = [docker, bubblewrap].map((finding) =>
    isEither && finding.status === "trouble" ? { ...finding, status: "warning" as const } : finding,
  );
  return [...engines, ...checkKernel()];
}

/** Whether the system clock is synchronised; undefined where the system does not report it. */
export async function checkClockKeeper(): Promise<Finding | undefined> {
  try {
    const args = ["show", "--property=NTPSynchronized", "--value"];
    const { stdout } = await promisify(execFile)("timedatectl", args, { timeout: deadlineMs });
    if (stdout.trim() === "yes") return ok("clock sync", "The system clock is synchronised");
    return warning("clock sync", "The system clock is not synchronised", "timedatectl set-ntp true");
  } catch {
    return undefined;
  }
}

async function checkDocker(host: string | undefined): Promise<Finding> {
  const remedy = `${install("docker.io", "docker")} && systemctl enable --now docker`;
  const socketPath = host === undefined ? "/var/run/docker.sock" : /^unix:\/\/(.+)$/.exec(host)?.[1];
  if (socketPath === undefined)
    return warning(
      "docker",
      `${String(host)} is not a local socket, so it was not checked`,
      "Run `armorclaw run` to see whether it answers",
    );
  if (!existsSync(socketPath)) return trouble("docker", `Docker does not listen at ${socketPath}`, remedy);
  try {
    const version = await dockerVersion(socketPath);
    return ok("docker", `Version ${version} answers at ${socketPath}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EACCES")
      return trouble(
        "docker",
        `This user may not use ${socketPath}`,
        "Add the bridge's user to the group docker: `usermod -aG docker USER`",
      );
    return trouble("docker", `${socketPath} does not answer: ${code ?? message}`, "systemctl restart docker");
  }
}

function dockerVersion(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(deadlineMs);
    const asked = request({ socketPath, path: "/version", signal }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece: string) => {
        text = (text + piece).slice(0, 65_536);
      });
      answer.on("error", reject).on("end", () => resolve(/"Version":"([^"]+)"/.exec(text)?.[1] ?? "?"));
    });
    asked.on("error", reject).end();
  });
}

async function checkBubblewrap(): Promise<Finding> {
  const remedy = install("bubblewrap", "bubblewrap");
  try {
    const { stdout } = await promisify(execFile)("bwrap", ["--version"], { timeout: deadlineMs });
    return ok("bubblewrap", `${stdout.trim()} is installed`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return trouble(
      "bubblewrap",
      code === "ENOENT" ? "bubblewrap is not installed" : `bubblewrap does not run: ${message}`,
      remedy,
    );
  }
}

function checkKernel(): Finding[] {
  const controllers = new Set(read("/sys/fs/cgroup/cgroup.controllers")?.split(/\s+/));
  const isLimited = (name: string) => controllers.has(name) || existsSync(`/sys/fs/cgroup/${name}`);
  const unlimited = ["memory", "pids", "cpu"].filter((name) => !isLimited(name));
  const userNamespaces = Number(read("/proc/sys/user/max_user_namespaces") ?? 0);
  const isForbidden = read("/proc/sys/kernel/unprivileged_userns_clone") === "0" && process.getuid?.() !== 0;
  return [
    unlimited.length === 0
      ? ok("cgroups", "Memory, processes and processor time can be limited")
      : warning(
          "cgroups",
          `The kernel cannot limit ${unlimited.join(", ")}`,
          "Mount the cgroup controllers, and run the bridge as root or with Delegate=yes in its systemd unit",
        ),
    read("/proc/sys/kernel/seccomp/actions_avail")?.includes("errno") === true
      ? ok("seccomp", "The kernel can filter system calls")
      : trouble("seccomp", "The kernel cannot filter system calls", "Use a kernel with CONFIG_SECCOMP_FILTER"),
    userNamespaces > 0 && !isForbidden
      ? ok("user namespaces", "User namespaces are allowed")
      : warning(
          "user namespaces",
          "User namespaces are forbidden, but the sandbox engine needs them",
          "sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1",
        ),
  ];
}

/** The install command of this system's package manager. */
export function install(debianName: string, otherName: string): string {
  const managers = [
    ["apt-get", `apt-get install ${debianName}`],
    ["dnf", `dnf install ${otherName}`],
    ["zypper", `zypper install ${otherName}`],
    ["pacman", `pacman -S ${otherName}`],
    ["apk", `apk add ${otherName}`],
  ] as const;
  return managers.find(([program]) => existsSync(`/usr/bin/${program}`))?.[1] ?? `Install ${otherName}`;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
