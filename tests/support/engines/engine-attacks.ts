/** An attack that an agent might try, as an expression to run inside, and whether the answer shows that it was stopped. */
export interface Attack {
  readonly name: string;
  readonly code: string;
  readonly isStopped: (answer: unknown) => boolean;
}

/** The host's resources that an attack aims at. */
export interface Targets {
  readonly hostFile: string;
  readonly hostSocket: string;
  readonly hostPort: number;
  readonly otherAgentsDirectory: string;
}

const isErrorCode = (answer: unknown): boolean => typeof answer === "string" && /^E[A-Z_]+$/.test(answer);

const fs = (expression: string) => `import("node:fs").then((fs) => ${expression})`;
const connect = (target: string) =>
  `import("node:net").then((net) => new Promise((done) => {
    net.connect(${target}).on("connect", () => done("connected")).on("error", (error) => done(error.code)) }))`;
const listen = (target: string) =>
  `import("node:net").then((net) => new Promise((done) => {
    const server = net.createServer().on("error", (error) => done(error.code));
    server.listen(${target}, () => server.close(() => done("listening"))) }))`;

/** Attacks that every engine stops. */
export const attacks = (targets: Targets): readonly Attack[] => [
  {
    name: "read a file of the host",
    code: fs(`fs.readFileSync(${JSON.stringify(targets.hostFile)}, "utf8")`),
    isStopped: isErrorCode,
  },
  {
    name: "read the bridge's memory or environment through /proc",
    code: fs(`fs.readFileSync("/proc/${process.pid}/environ", "utf8")`),
    isStopped: isErrorCode,
  },
  {
    name: "list the sockets of other agents",
    code: fs(`fs.readdirSync(${JSON.stringify(targets.otherAgentsDirectory)})`),
    isStopped: isErrorCode,
  },
  { name: "write to the root file system", code: fs(`fs.writeFileSync("/app/x", "")`), isStopped: isErrorCode },
  { name: "write to /dev", code: fs(`fs.writeFileSync("/dev/x", "")`), isStopped: isErrorCode },
  {
    name: "replace its socket",
    code: fs(`fs.unlinkSync(process.env.ARMORCLAW_AGENT_SOCKET ?? "/run/bridge/agent.sock")`),
    isStopped: isErrorCode,
  },
  { name: "put a file beside its socket", code: fs(`fs.writeFileSync("/run/bridge/x", "")`), isStopped: isErrorCode },
  {
    name: "start another program",
    code: `import("node:child_process").then((child) => child.spawnSync(process.execPath, ["-v"]).error?.code ?? "started")`,
    isStopped: isErrorCode,
  },
  {
    name: "fill the disk",
    code: fs(
      `{ for (let i = 0; i < 64; i++) fs.writeFileSync("/tmp/fill" + i, Buffer.alloc(1 << 20)); return "filled" }`,
    ),
    isStopped: isErrorCode,
  },
  {
    name: "see other processes",
    code: fs(`fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).length`),
    isStopped: (answer) => isErrorCode(answer) || answer === 1,
  },
  {
    name: "find the bridge's secrets in any process's environment",
    code: fs(`fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name))
      .map((pid) => { try { return fs.readFileSync("/proc/" + pid + "/environ", "utf8") + fs.readFileSync("/proc/" + pid + "/cmdline", "utf8") } catch { return "" } }).join()`),
    isStopped: (answer) => typeof answer === "string" && !answer.includes("canary"),
  },
  {
    name: "inherit a file of the bridge",
    code: fs(`fs.readdirSync("/proc/self/fd").flatMap((fd) => { try { return [fs.readlinkSync("/proc/self/fd/" + fd)] } catch { return [] } })
      .filter((name) => name.startsWith("/") && !name.startsWith("/dev/")).length`),
    isStopped: (answer) => isErrorCode(answer) || answer === 0,
  },
];

/** Attacks that only a sandbox stops. */
export const networkAttacks = (targets: Targets): readonly Attack[] => [
  { name: "open a TCP connection", code: connect(`${targets.hostPort}, "127.0.0.1"`), isStopped: isErrorCode },
  { name: "connect to another Unix socket", code: connect(JSON.stringify(targets.hostSocket)), isStopped: isErrorCode },
  {
    name: "open a UDP socket",
    code: `import("node:dgram").then((dgram) => new Promise((done) => {
      const socket = dgram.createSocket("udp4").on("error", (error) => done(error.code));
      socket.bind(0, () => socket.close(() => done("bound"))) }))`,
    isStopped: isErrorCode,
  },
  { name: "listen on TCP", code: listen("0"), isStopped: isErrorCode },
  { name: "listen on an abstract socket", code: listen(JSON.stringify("\0armorclaw-test")), isStopped: isErrorCode },
];
