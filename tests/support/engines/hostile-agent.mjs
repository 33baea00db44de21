// An agent for tests that does what the test tells it: it stands where the agents' bundle does, says hello, sends heartbeats, and
// runs the code that comes as an event on its own channel. It uses no client of the project, so that it can break every rule.
import http from "node:http";
import net from "node:net";

const socketPath = process.env.ARMORCLAW_AGENT_SOCKET ?? "/run/bridge/agent.sock";
const sideSocket = (name) => socketPath.replace("agent.sock", name);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens a connection on which answers are matched by id; `write` sends bytes as they are. */
function open(path = socketPath) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    const waiting = new Map();
    let [id, partial] = [0, ""];
    const line = { socket, onPush: undefined, isClosed: false, write: (bytes) => socket.write(bytes) };
    line.call = (method, params = {}, deadlineMs = 5_000) =>
      new Promise((answer) => {
        const own = ++id;
        const timer = setTimeout(() => settle(own, { code: "NO_ANSWER" }), deadlineMs);
        waiting.set(own, { answer, timer });
        socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: own, method, params })}\n`);
      });
    const settle = (own, value) => {
      const call = waiting.get(own);
      waiting.delete(own);
      clearTimeout(call?.timer);
      call?.answer(value);
    };
    socket.setEncoding("utf8");
    socket.on("connect", () => resolve(line));
    socket.on("error", reject);
    socket.on("close", () => {
      line.isClosed = true;
      for (const own of [...waiting.keys()]) settle(own, { code: "CLOSED" });
    });
    socket.on("data", (text) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop();
      for (const one of lines) {
        const { id: own, result, error, method, params } = JSON.parse(one);
        if (method !== undefined) line.onPush?.(params);
        else
          settle(own, error === undefined ? { code: "ok", result } : { code: error.data?.code ?? error.code, error });
      }
    });
  });
}

/** One request at a side socket. */
function request(name, options, body = "") {
  return new Promise((resolve) => {
    const sent = http.request({ socketPath: sideSocket(name), ...options }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
    });
    sent.on("error", (error) => resolve(error.code));
    sent.end(body);
  });
}

/** A connection that the bridge serves: it may not have seen yet that an earlier one is closed. */
async function openServed() {
  for (;;) {
    const line = await open();
    if ((await line.call("rpc.ping")).code === "ok") return line;
    line.socket.destroy();
    await sleep(50);
  }
}

let isOn = false;
const counts = {};
/** Counts an outcome of the attack that runs. */
const count = (code) => {
  counts[code] = (counts[code] ?? 0) + 1;
};
/** Runs `step` again and again, some at once, until the attack ends. */
const flood = (step, atOnce = 8) =>
  Promise.all(
    Array.from({ length: atOnce }, async (_, lane) => {
      for (let n = 0; isOn; n++) {
        count((await step(n * atOnce + lane))?.code ?? "done");
        await new Promise(setImmediate);
      }
    }),
  );
/** The 99th percentile of calls one after the other, for a bystander to measure. */
const p99 = async (line, method, forMs) => {
  const times = [];
  for (const end = performance.now() + forMs; performance.now() < end; ) {
    const begun = performance.now();
    await line.call(method);
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)];
};

const main = await open();
const hello = await main.call("agent.hello", { runtime_version: "0.1.0", pid: process.pid }, 3_600_000);
if (hello.code !== "ok") throw new Error(JSON.stringify(hello));
const { agent_id: agentId, heartbeat_ms: heartbeatMs } = hello.result;
let [seq, activity] = [0, "initializing"];
const beat = () => main.call("agent.heartbeat", { seq: ++seq, activity, rss_bytes: 1, lag_ms: 0 });
setInterval(beat, Math.min(heartbeatMs, 1_000));
await beat();

const tools = { open, openServed, request, sideSocket, flood, count, sleep, p99, agentId, net, isOn: () => isOn };
const AsyncFunction = (async () => {}).constructor;
const run = async (code) => new AsyncFunction(...Object.keys(tools), code)(...Object.values(tools));
let attack = Promise.resolve();

/** `begin` starts an attack and answers at once; `end` ends it and answers what came of it; `run` runs code to its end. */
async function obey({ act, code }) {
  if (act === "run") return await run(code);
  isOn = act === "begin";
  if (act === "begin") {
    for (const name of Object.keys(counts)) delete counts[name];
    attack = run(code).catch((error) => count(`threw ${error}`));
    return "begun";
  }
  await Promise.race([attack, sleep(5_000)]);
  return counts;
}

let obeyed = 0;
// An agent has two connections: this one is for orders, the other for the attack.
main.onPush = async ({ event }) => {
  const { n } = event.data;
  if (n <= obeyed) return;
  obeyed = n;
  const answer = await obey(event.data).catch((error) => ({ threw: String(error) }));
  const params = { channel: `agent.${agentId}.answers`, type: "hostile.answer", data: { n, answer: answer ?? null } };
  // A flood has used up the quota that the answer needs, too.
  while ((await main.call("event.publish", params)).code !== "ok") await sleep(100);
};
const orders = await main.call("event.subscribe", { channels: [`agent.${agentId}.commands`] });
if (orders.code !== "ok") throw new Error(JSON.stringify(orders));
activity = "active";
await main.call("agent.report", { activity });
