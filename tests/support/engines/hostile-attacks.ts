// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the code is a template in the agent, not here
import { events } from "@armorclaw/protocol";

/** One attack of an agent. */
export interface AgentAttack {
  readonly name: string;
  /** What it runs until the test ends it. */
  readonly code: string;
  /** Every way in which its calls may end, of which it sees at least one. A closed connection and a late answer harm it alone. */
  readonly outcomes: readonly string[];
}

/** Event types of the bridge's own. */
const reserved = JSON.stringify([...Object.keys(events), "bridge.made_up", "webrtc.made_up"]);
const mebibyte = 1_048_576;

/** A flood of `call`, an expression that makes the call number `n` on `line`: as much at once as the bridge takes. */
const flood = (call: string) => `
  const line = await openServed();
  await flood((n) => ${call}, 32);
  line.socket.destroy();
`;

/** A flood of calls that each must be refused. */
const refusals = (calls: string) => `
  const line = await openServed();
  const calls = ${calls};
  await flood((n) => line.call(...calls[n % calls.length]), 4);
  line.socket.destroy();
`;

/** Connections that each send `bytes` again and again, and are opened anew when the bridge closes them. */
const raw = (bytes: string, atOnce: number) => `
  const bytes = ${bytes};
  await flood(async () => {
    const line = await open().catch((error) => ({ code: error.code }));
    if (line.code !== undefined) return sleep(20).then(() => line);
    for (let n = 0; n < 20 && !line.isClosed && isOn(); n++) { line.write(bytes); await sleep(5); }
    line.socket.destroy();
    return { code: "sent" };
  }, ${atOnce});
`;

export const agentAttacks: readonly AgentAttack[] = [
  {
    name: "small events",
    code: flood("line.call('event.publish', { channel: `agent.${agentId}.x`, type: 'x.y', data: { n } })"),
    outcomes: ["ok", "RATE_LIMITED"],
  },
  {
    name: "events of 250 kB",
    code: flood(
      "line.call('event.publish', { channel: `agent.${agentId}.x`, type: 'x.y', data: { text: 'x'.repeat(250_000) } })",
    ),
    outcomes: ["ok", "RATE_LIMITED"],
  },
  {
    name: "volatile events",
    code: flood("line.call('event.publish', { channel: `agent.${agentId}.x`, type: 'x.y', data: {}, volatile: true })"),
    outcomes: ["ok", "RATE_LIMITED"],
  },
  {
    name: "dead letters",
    code: `
      const line = await openServed();
      for (let n = 0; n < 50; n++)
        count((await line.call('event.subscribe', { channels: [\`agent.\${agentId}.dead\`], name: \`n-\${n}\`, ack_deadline_ms: 100, attempts_max: 1, unacked_max: 1 })).code);
      await flood(() => line.call('event.publish', { channel: \`agent.\${agentId}.dead\`, type: 'x.y', data: { text: 'x'.repeat(2_000) } }), 2);
      line.socket.destroy();
    `,
    outcomes: ["ok", "RATE_LIMITED"],
  },
  {
    name: "subscriptions",
    code: flood(
      "line.call('event.subscribe', { channels: [`agent.${agentId}.a${n}`], filter: { data: { x: 'y'.repeat(200) } } })",
    ),
    outcomes: ["ok", "RATE_LIMITED", "TOO_MANY_SUBSCRIPTIONS"],
  },
  {
    name: "named subscriptions",
    code: flood("line.call('event.subscribe', { channels: [`agent.${agentId}.a`], name: `many-${n}` })"),
    outcomes: ["ok", "RATE_LIMITED", "TOO_MANY_SUBSCRIPTIONS"],
  },
  {
    name: "messages to another agent",
    code: flood("line.call('agent.send', { agent_id: 'heartbeat-3', data: { text: 'x'.repeat(4_000) } })"),
    outcomes: ["ok", "RATE_LIMITED", "AGENT_OVERLOADED"],
  },
  {
    name: "tasks that nobody can do",
    code: flood("line.call('task.create', { title: `t${n}`, capability: 'nobody-has-it' })"),
    outcomes: ["ok", "RATE_LIMITED"],
  },
  {
    name: "questions to people",
    code: flood("line.call('approval.request', { action: `a${n}`, details: { n } })"),
    outcomes: ["ok", "RATE_LIMITED", "APPROVAL_LIMIT"],
  },
  {
    name: "proposals of configurations",
    code: flood("line.call('config.propose', { name: `c${n % 50}`, content: 'x'.repeat(100_000), reason: 'x' })"),
    outcomes: ["FORBIDDEN", "RATE_LIMITED"],
  },
  {
    name: "failed calls with secrets",
    code: flood("line.call('http.request', { url: 'https://a.b/', method: 'GET' })"),
    outcomes: ["SECRET_TOKEN_INVALID", "RATE_LIMITED"],
  },
  {
    name: "reservations",
    code: flood("line.call('budget.reserve', { cost_nano_usd: 1, run: `r${n}`, task: `t${n}` })"),
    outcomes: ["BUDGET_NOT_GRANTED", "RATE_LIMITED"],
  },
  {
    name: "methods that it may not call, or that do not exist",
    code: refusals(
      "[['keystore.get', { id: 'x' }], ['bridge.panic'], ['agent.stop', { agent_id: 'heartbeat-2' }], ['token.create', { name: 'x' }], ['event.history', { channels: ['>'] }], ['__proto__'], ['bridge.status\\0'], ['audit.tail']]",
    ),
    outcomes: ["FORBIDDEN", "METHOD_NOT_FOUND", "RATE_LIMITED"],
  },
  {
    name: "the bridge's own event types",
    code: refusals(
      `${reserved}.map((type) => ['event.publish', { channel: \`agent.\${agentId}.x\`, type, data: {} }])`,
    ),
    outcomes: ["FORBIDDEN", "RATE_LIMITED"],
  },
  {
    name: "the identities of others",
    code: refusals(
      "[['agent.hello', { runtime_version: '1', pid: 1, agent_id: 'heartbeat-2' }], ['event.publish', { channel: 'agent.heartbeat-2.x', type: 'x.y', data: {} }], ['event.subscribe', { channels: ['agent.heartbeat-2.>'] }], ['event.subscribe', { channels: ['>'], name: 'witness' }], ['agent.send', { agent_id: 'heartbeat-2', from: 'user:0' }], ['event.publish', { channel: `agent.${agentId}.x`, type: 'x.y', source: 'bridge', data: {} }]]",
    ),
    outcomes: ["FORBIDDEN", "INVALID_PARAMS", "RATE_LIMITED"],
  },
  {
    name: "the ids of others",
    code: refusals(
      "[['event.ack', { subscription_id: 's1', cursor: 1 }], ['event.unsubscribe', { subscription_id: 's99' }], ['budget.settle', { reservation_id: '0b9f8e1c-2f4a-4c01-93e5-b7f8a1c6f0a3', cost_nano_usd: 1 }], ['task.update', { task_id: 1, outcome: 'done' }], ['approval.get', { approval_id: 'AAAA-BBBB' }], ['agent.send', { in_reply_to: '00000000-1' }], ['secret.claim', { name: 'x' }]]",
    ),
    outcomes: [
      "FORBIDDEN",
      "INVALID_PARAMS",
      "SUBSCRIPTION_NOT_FOUND",
      "RESERVATION_NOT_FOUND",
      "TASK_STATE_CONFLICT",
      "SECRET_NOT_GRANTED",
      "APPROVAL_NOT_FOUND",
      "RATE_LIMITED",
    ],
  },
  {
    name: "keys that the bridge's own messages use",
    code: refusals(
      "['alerts:1', 'alert:1', 'approval:x'].map((dedupe_key) => ['matrix.send', { room_id: '!a:b.org', message: 'x', dedupe_key }])",
    ),
    outcomes: ["FORBIDDEN", "MATRIX_NOT_CONFIGURED", "RATE_LIMITED", "INVALID_PARAMS"],
  },
  { name: "lines that are no JSON", code: raw("'}{\\n'.repeat(2_000)", 8), outcomes: ["sent"] },
  { name: "lines that are no text", code: raw("Buffer.alloc(4_096, 0xff).fill('\\n', 4_095)", 8), outcomes: ["sent"] },
  {
    name: "lines of the largest size",
    code: raw(`'{"jsonrpc":"2.0","id":1,"method":"rpc.ping","params":[' + '1,'.repeat(${mebibyte}) + '1]}\\n'`, 2),
    outcomes: ["sent"],
  },
  { name: "a line without an end", code: raw(`'x'.repeat(${mebibyte})`, 2), outcomes: ["sent"] },
  {
    name: "answers that are never read",
    code: `
      const line = await openServed();
      line.socket.pause();
      await flood(async () => { line.write('{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\\n'.repeat(20)); await sleep(5); });
      line.socket.destroy();
    `,
    outcomes: ["done"],
  },
  {
    name: "connections",
    code: `
      const held = [];
      await flood(async () => { const line = await open().catch(() => ({ code: 'refused' })); held.push(line); if (held.length > 200) held.shift().socket?.destroy(); return line; });
    `,
    outcomes: ["done"],
  },
  {
    name: "the model endpoint: bodies that do not end",
    code: `
      const sockets = [];
      await flood(async () => {
        const socket = net.connect(sideSocket('llm.sock'));
        socket.on('error', () => undefined);
        sockets.push(socket);
        socket.write('POST /v1/chat/completions HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: 16777216\\r\\n\\r\\n');
        socket.write(Buffer.alloc(${mebibyte}, 32));
        await sleep(20);
        if (sockets.length > 20) sockets.shift().destroy();
      }, 4);
      for (const socket of sockets) socket.destroy();
    `,
    outcomes: ["done"],
  },
  {
    name: "the model endpoint: calls with a wrong key",
    code: `
      const options = { path: "/v1/chat/completions", method: "POST", headers: { authorization: "Bearer wrong" } };
      await flood(async () => ({ code: String(await request("llm.sock", options, "{}")) }), 4);
    `,
    outcomes: ["401", "ECONNRESET", "EPIPE"],
  },
  {
    name: "the media endpoint: bytes that are no frames",
    code: `
      await flood(async () => {
        const socket = net.connect(sideSocket('media.sock'));
        socket.on('error', () => undefined);
        socket.write(Buffer.alloc(65_536, 0xff));
        await sleep(5);
        socket.destroy();
      }, 4);
    `,
    outcomes: ["done"],
  },
  {
    name: "output",
    code: "await flood(async () => { count('done'); process.stdout.write('x'.repeat(64_000) + '\\n'); process.stderr.write('y\\n'.repeat(1_000)); await sleep(2); }, 2);",
    outcomes: ["done"],
  },
];
