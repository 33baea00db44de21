import { join } from "node:path";

/** An attack that an agent can make from Node itself. */
export interface ScriptAttack {
  readonly name: string;
  readonly code: string;
  /** The protection that must stop it. */
  readonly layer: string;
  /** Whether the answer shows that it was stopped. By default an errno does. */
  readonly isDenied?: (answer: unknown) => boolean;
  /** The attack ends the agent itself, for this reason. */
  readonly ends?: readonly string[];
}

/** A world-readable file of the host, in the directory under attack. */
export const hostFile = "host-file";

const own = "file system of its own";
const readOnly = "read-only file system";
const filter = "system call filter";
const processes = "process list of its own";

const fs = (expression: string) => `import("node:fs").then((fs) => ${expression})`;
const connect = (target: string) =>
  `import("node:net").then((net) => new Promise((done) => {
    net.connect(${target}).on("connect", () => done("connected")).on("error", (error) => done(error.code)) }))`;
const resolve = (call: string) =>
  `import("node:dns").then(({ promises: dns }) => ${call}).catch((error) => error.code)`;

const read = (name: string, path: string, layer = own): ScriptAttack => ({
  name,
  code: fs(`fs.readFileSync(${JSON.stringify(path)}, "utf8").length`),
  layer,
});

/** Where another file is mounted over it there is nothing to read. */
const hidden = (name: string, path: string): ScriptAttack => ({
  ...read(name, path, "hidden kernel files"),
  isDenied: (answer) => answer === 0 || (typeof answer === "string" && /^E[A-Z_]+$/.test(answer)),
});

const write = (name: string, path: string, layer = readOnly): ScriptAttack => ({
  name,
  code: fs(`fs.writeFileSync(${JSON.stringify(path)}, "x")`),
  layer,
});

/** @param directory the directory of the attacked bridge's state and sockets */
export const scriptAttacks = (directory: string): readonly ScriptAttack[] => [
  ...files(directory),
  ...sockets(directory),
  ...network,
  ...proc,
  ...bombs,
];

const files = (directory: string): readonly ScriptAttack[] => [
  read("read the host's users", "/etc/shadow"),
  read("read a file of the bridge", join(directory, hostFile)),
  read("read the host through /proc/1/root", join("/proc/1/root", directory, hostFile)),
  read("climb out of the root", `/../../..${join(directory, hostFile)}`),
  read("read a disk", "/dev/sda"),
  read("read the kernel's memory", "/dev/mem"),
  write("write to the root", "/x"),
  write("change the agent's own program", "/app/agent.mjs"),
  write("change Node", "/bin/node"),
  write("write to /dev", "/dev/x"),
  write("write to /dev/shm", "/dev/shm/x"),
  {
    name: "make a set-uid program that root owns",
    code: fs(`{ fs.writeFileSync("/tmp/s", ""); fs.chownSync("/tmp/s", 0, 0); return "chowned" }`),
    layer: "no capabilities",
  },
  {
    name: "fill /tmp with empty files",
    code: fs(`{ for (let i = 0; i < 20_000; i++) fs.closeSync(fs.openSync("/tmp/e" + i, "w")); return "made" }`),
    layer: "number of files of /tmp",
  },
  {
    name: "load machine code from /tmp",
    code: `import("node:fs").then((fs) => { fs.copyFileSync("/lib64/ld-linux-x86-64.so.2", "/tmp/code.node");
      try { process.dlopen({ exports: {} }, "/tmp/code.node"); return "loaded" } catch (error) { return error.message } })`,
    layer: "a /tmp that runs nothing",
    isDenied: (answer) => /failed to map segment|Operation not permitted|ERR_DLOPEN_DISABLED/.test(String(answer)),
  },
  {
    name: "start a program from /tmp",
    code: `import("node:fs").then((fs) => import("node:child_process").then((child) => {
      fs.copyFileSync("/app/agent.mjs", "/tmp/p"); fs.chmodSync("/tmp/p", 0o755);
      return child.spawnSync("/tmp/p").error?.code ?? "started" }))`,
    layer: filter,
  },
];

const sockets = (directory: string): readonly ScriptAttack[] => [
  { name: "connect to Docker", code: connect('"/var/run/docker.sock"'), layer: own },
  { name: "connect to D-Bus", code: connect('"/run/dbus/system_bus_socket"'), layer: own },
  {
    name: "connect to the bridge's own socket",
    code: connect(JSON.stringify(join(directory, "bridge.sock"))),
    layer: own,
  },
  { name: "connect by an abstract name", code: connect('"\\0/tmp/dbus-x"'), layer: "network namespace of its own" },
  {
    name: "list what stands beside its socket",
    code: fs(`fs.readdirSync("/run/bridge")`),
    layer: "the directory's mode and owner",
  },
  { name: "remove its socket", code: fs(`fs.unlinkSync("/run/bridge/agent.sock")`), layer: readOnly },
  {
    name: "put a symbolic link in the place of its socket",
    code: fs(`fs.symlinkSync("/etc/passwd", "/run/bridge/agent.sock.new")`),
    layer: readOnly,
  },
  {
    name: "make a hard link to its socket",
    code: fs(`fs.linkSync("/run/bridge/agent.sock", "/tmp/agent.sock")`),
    layer: "another mount",
  },
  { name: "rename its socket", code: fs(`fs.renameSync("/run/bridge/agent.sock", "/run/bridge/x")`), layer: readOnly },
  { name: "open its socket to all", code: fs(`fs.chmodSync("/run/bridge/agent.sock", 0o777)`), layer: readOnly },
  { name: "open its socket's directory", code: fs(`fs.chmodSync("/run/bridge", 0o777)`), layer: readOnly },
];

const network: readonly ScriptAttack[] = [
  { name: "TCP to the internet", code: connect('443, "1.1.1.1"'), layer: filter },
  { name: "TCP to the host", code: connect('22, "127.0.0.1"'), layer: filter },
  { name: "TCP over IPv6", code: connect('443, "2606:4700:4700::1111"'), layer: filter },
  { name: "the cloud's metadata address", code: connect('80, "169.254.169.254"'), layer: filter },
  { name: "DNS by the system's resolver", code: resolve('dns.lookup("example.org")'), layer: filter },
  { name: "DNS by a query of its own", code: resolve('dns.resolve4("example.org")'), layer: filter },
  {
    name: "UDP",
    code: `import("node:dgram").then((dgram) => new Promise((done) => {
      const socket = dgram.createSocket("udp4").on("error", (error) => done(error.code));
      socket.send("x", 53, "1.1.1.1", (error) => done(error?.code ?? "sent")) }))`,
    layer: filter,
  },
  {
    name: "listen on TCP",
    code: `import("node:net").then((net) => new Promise((done) => {
      net.createServer().on("error", (error) => done(error.code)).listen(0, () => done("listening")) }))`,
    layer: filter,
  },
];

const proc: readonly ScriptAttack[] = [
  {
    name: "see other processes",
    code: fs(`fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).length`),
    layer: processes,
    isDenied: (answer) => answer === 1,
  },
  {
    name: "signal another process",
    code: `(() => { try { process.kill(${process.pid}, 0); return "there" } catch (error) { return error.code } })()`,
    layer: processes,
  },
  {
    name: "find a secret of the bridge in /proc",
    code: fs(`fs.readFileSync("/proc/1/environ", "utf8") + fs.readFileSync("/proc/self/cmdline", "utf8")`),
    layer: "nothing of the bridge's environment",
    isDenied: (answer) => typeof answer === "string" && !/canary|ARMORCLAW/.test(answer),
  },
  read("read the kernel's core", "/proc/kcore", "no capabilities"),
  hidden("see the kernel's timers", "/proc/timer_list"),
  hidden("see the kernel's keys", "/proc/keys"),
  write("set where cores go", "/proc/sys/kernel/core_pattern"),
  write("press the kernel's keys", "/proc/sysrq-trigger"),
  write("lower its own kill score", "/proc/1/oom_score_adj", "no capabilities"),
  {
    name: "raise its own memory limit",
    code: fs(`{ for (const path of ["/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"]) try {
      fs.writeFileSync(path, "-1"); return "raised" } catch {} ; return "EROFS" }`),
    layer: readOnly,
  },
];

const bombs: readonly ScriptAttack[] = [
  {
    name: "fork bomb",
    code: `import("node:child_process").then((child) => child.spawnSync(process.execPath, ["-v"]).error?.code ?? "forked")`,
    layer: filter,
  },
  {
    name: "thread bomb",
    code: `import("node:worker_threads").then(({ Worker }) => new Promise((done) => { const all = [];
      const next = () => { const one = new Worker("setInterval(() => {}, 1000)", { eval: true });
        one.on("error", (error) => done(error.code ?? "stopped")).on("online", () => all.push(one) < 200 ? next() : done("200 threads")) }; next() }))`,
    layer: "limits on threads and memory",
    ends: ["error", "oom"],
  },
  {
    name: "memory bomb",
    code: "{ const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1)) }",
    layer: "memory limit of its cgroup",
    ends: ["oom"],
  },
  {
    name: "fill the disk",
    code: fs(
      `{ for (let i = 0; i < 64; i++) fs.writeFileSync("/tmp/fill" + i, Buffer.alloc(1 << 20)); return "filled" }`,
    ),
    layer: "size of /tmp",
  },
];
