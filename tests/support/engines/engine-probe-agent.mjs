// An agent for tests of engines: connects to its socket, sends hello, and runs one command for each JSON line.
import net from "node:net";

const socket = net.connect(process.env.ARMORCLAW_AGENT_SOCKET ?? "/run/bridge/agent.sock");
const send = (message) => socket.write(`${JSON.stringify(message)}\n`);
// biome-ignore lint/security/noGlobalEval: running any attack that a test writes is what this agent is for
const evaluate = globalThis.eval;
let buffered = "";

socket.setEncoding("utf8");
socket.on("connect", () => send({ hello: { uid: process.getuid?.() ?? null, pid: process.pid } }));
socket.on("data", (text) => {
  const lines = (buffered + text).split("\n");
  buffered = lines.pop();
  for (const line of lines) void handle(JSON.parse(line));
});
socket.on("error", () => process.exit(74));
socket.on("close", () => process.exit(75));
process.on("SIGTERM", () => process.exit(0));

async function handle({ id, code }) {
  try {
    send({ id, result: (await evaluate(code)) ?? null });
  } catch (error) {
    send({ id, failure: String(error?.code ?? error?.message ?? error) });
  }
}
