// An example of an agent's code: the official SDKs, unchanged, on the model endpoint beside the agent's socket.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { unixFetch } from "../wire/unix-fetch.ts";

const directory = "/run/bridge";

/** Makes one call on the agent's own socket. */
function rpc(method: string, params: object): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(directory, "agent.sock"));
    let text = "";
    socket.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    socket.on("error", reject);
    socket.on("end", () => {
      const answers = text.split("\n").filter((line) => line.includes('"id":1') && !line.includes('"rpc.stream"'));
      resolve(JSON.parse(answers[0] ?? "{}") as Record<string, unknown>);
    });
    socket.end(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })}\n`);
  });
}

/** The key to search for, written backwards so that this file does not contain it. */
const wanted = [...(process.argv[2] ?? "")].reverse().join("");
const scanned = { files: 0, bytes: 0, found: [] as string[] };
const fileBytesMax = 8 * 1_048_576;

/** Searches for the key in everything that the container can read. */
function scan(path: string): void {
  if (path === "/sys" || path === "/proc") return;
  for (const entry of list(path)) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) scan(child);
    else scanFile(child);
  }
}

function list(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return [];
  }
}

function scanFile(path: string): void {
  try {
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > fileBytesMax) return;
    const text = readFileSync(path, "latin1");
    scanned.files += 1;
    scanned.bytes += text.length;
    if (text.includes(wanted)) scanned.found.push(path);
  } catch {
    // A file that cannot be read reveals nothing to the agent.
  }
}

const messages = [{ role: "user" as const, content: "Hello" }];
const { result } = (await rpc("llm.models", {})) as {
  result: { endpoint: { socket: string; api_key: string }; models: { id: string }[] };
};
const shared = { apiKey: result.endpoint.api_key, fetch: unixFetch(join(directory, result.endpoint.socket)) };
const openai = new OpenAI({ ...shared, baseURL: "http://bridge/v1" });
const anthropic = new Anthropic({ ...shared, baseURL: "http://bridge" });
const whole = await openai.chat.completions.create({ model: "oai/m", messages });
const streamed = await openai.chat.completions.stream({ model: "ant/m", messages }).finalChatCompletion();
const claude = await anthropic.messages.stream({ model: "ant/m", messages, max_tokens: 20 }).finalMessage();
const chat = await rpc("llm.chat", { model: "oai/m", messages });
const internet = await fetch("http://1.1.1.1/", { signal: AbortSignal.timeout(2_000) }).then(
  () => "reached",
  () => "none",
);
scan("/");
for (const file of ["environ", "cmdline", "maps", "mountinfo"]) scanFile(`/proc/1/${file}`);
for (const [name, value] of Object.entries(process.env)) if (value?.includes(wanted) === true) scanned.found.push(name);
process.stdout.write(
  JSON.stringify({
    models: result.models.map(({ id }) => id),
    apiKey: result.endpoint.api_key,
    openai: whole.choices[0]?.message.content,
    openaiOnAnthropic: streamed.choices[0]?.message.content,
    anthropic: claude.content[0]?.type === "text" ? claude.content[0].text : "",
    chat,
    internet,
    scanned,
  }),
);
