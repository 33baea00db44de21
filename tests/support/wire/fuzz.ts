import { type Duplex, duplexPair } from "node:stream";
import * as z from "zod";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";
import { builtinHandlers, builtinMethods, createMethodTable, createRpcServer } from "../../../bridge/rpc/index.ts";
import { fixture } from "./fixture-methods.ts";

/** The most processor time of an input. It is not wall time, because the machine may be busy. */
const hangMs = 100;
/** The number of attempts after which an input counts as hanging. */
const attemptsMax = 3;
/** No input contains this text, so that no input may change the state. */
const password = "correct horse battery staple";

export interface FuzzTarget extends AsyncDisposable {
  /** Whether an input has changed the state that the inputs must not reach. */
  readonly isTouched: boolean;
  readonly slowestMs: number;
  /**
   * Sends an input in pieces, then a valid call, whose answer must arrive in time unless the connection was closed.
   * Throws when an answer is not JSON-RPC.
   */
  feed(input: Buffer, cuts?: readonly number[]): Promise<void>;
}

/** A server in this process, to which hostile bytes are fed. */
export function openFuzzTarget(): FuzzTarget {
  let writes = 0;
  let slowestMs = 0;
  let probes = 0;
  let connection: Duplex | undefined;
  let received = "";
  const contract = {
    ...builtinMethods,
    ping: fixture(z.unknown()),
    echo: fixture(z.unknown()),
    subtract: fixture(z.strictObject({ minuend: z.number(), subtrahend: z.number() })),
    set: { ...fixture(z.strictObject({ password: z.literal(password) })), effect: "write" as const },
    stream: fixture(z.strictObject({ count: z.int().min(0).max(10) }), z.int()),
  };
  const handlers = {
    ...builtinHandlers("0.0.0", contract),
    ping: () => "pong",
    echo: (params: unknown) => params,
    subtract: ({ minuend, subtrahend }: { minuend: number; subtrahend: number }) => minuend - subtrahend,
    set: () => {
      writes += 1;
      return null;
    },
    stream: async ({ count }: { count: number }, call: { write(item: number): Promise<void> }) => {
      for (let item = 0; item < count; item++) await call.write(item);
      return count;
    },
  };
  const table = createMethodTable(contract, handlers);
  // Results are checked against the contract, so that a wrong one is detected.
  const server = createRpcServer({ logger: silentLogger, clock: systemClock, validateResults: true });
  server.serve({ table });

  const open = (): Duplex => {
    const [ours, theirs] = duplexPair();
    received = "";
    ours.setEncoding("utf8").on("data", (text: string) => {
      received += text;
    });
    ours.on("error", () => undefined);
    server.attach(theirs, { kind: "user", id: "user:1000", uid: 1000, role: "admin" });
    return ours;
  };

  const settle = async (socket: Duplex, probe: string) => {
    const start = performance.now();
    const before = process.threadCpuUsage();
    while (!received.includes(probe) && !socket.readableEnded && !socket.destroyed) {
      if (performance.now() - start > 10_000) throw new Error(`No answer came: ${received.slice(-500)}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { user, system } = process.threadCpuUsage(before);
    return Math.min(performance.now() - start, (user + system) / 1000);
  };

  const once = async (input: Buffer, cuts: readonly number[]): Promise<number> => {
    if (connection === undefined || connection.readableEnded || connection.destroyed) connection = open();
    probes += 1;
    const probe = `"probe-${probes}"`;
    let start = 0;
    for (const cut of [...cuts, input.length]) {
      if (cut > start) connection.write(input.subarray(start, cut));
      start = Math.max(start, cut);
    }
    connection.write(`\n{"jsonrpc":"2.0","method":"ping","id":${probe}}\n`);
    const took = await settle(connection, probe);
    for (const line of received.split("\n")) if (line !== "") assertAnswer(line);
    received = "";
    return took;
  };

  return {
    get isTouched() {
      return writes > 0;
    },
    get slowestMs() {
      return slowestMs;
    },
    async feed(input, cuts = []) {
      // A garbage collection may delay any input; an input that hangs does so each time.
      for (let attempt = 1; ; attempt++) {
        const took = await once(input, cuts);
        if (took <= hangMs) {
          slowestMs = Math.max(slowestMs, took);
          return;
        }
        if (attempt === attemptsMax) throw new Error(`It took ${took} ms`);
      }
    },
    async [Symbol.asyncDispose]() {
      connection?.destroy();
      await server.close();
    },
  };
}

function assertAnswer(line: string): void {
  const value: unknown = JSON.parse(line);
  for (const message of Array.isArray(value) ? value : [value]) {
    const { jsonrpc, id, method, error } = message as Record<string, unknown>;
    const hasOutcome = "result" in message !== "error" in message;
    const isAnswer = jsonrpc === "2.0" && id !== undefined && hasOutcome;
    if (!isAnswer && !(jsonrpc === "2.0" && method === "rpc.stream")) throw new Error(`No JSON-RPC: ${line}`);
    const { code } = (error ?? {}) as { readonly code?: unknown };
    if (code === -32603) throw new Error(`A bug was met: ${line}`);
  }
}

/** A random number generator with a seed, equal on every machine. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const tokens = [
  ...[
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\r\n",
    "\0",
    "\ufeff",
    "null",
    "true",
    "1e999",
    "-0",
    "0x1",
    "NaN",
  ],

  '"id":',
  '"method":"set"',
  '"params":',
  '"jsonrpc":"2.0"',
  '"__proto__":',
  '"constructor":',
  "12345678901234567890",

  "\\ud800",
  "\\u0000",
  "GET / HTTP/1.1\r\n\r\n",
  "[".repeat(70),
  "9".repeat(400),
  `"${"a".repeat(2_000)}"`,
  "1.0",
  "1E2",
].map((token) => Buffer.from(token));

/** Returns one of the seeds with a few random changes: bytes flipped, removed, doubled or exchanged with another seed's, and tokens inserted. */
export function mutate(seeds: readonly Buffer[], random: (below: number) => number): Buffer {
  const pick = () => seeds[random(seeds.length)] ?? Buffer.alloc(0);
  let bytes = Buffer.from(pick());
  for (let rounds = 1 + random(6); rounds > 0; rounds--) {
    const at = random(bytes.length + 1);
    const end = at + random(Math.min(64, bytes.length - at) + 1);
    const [head, middle, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
    const kind = random(6);
    if (kind === 0 && bytes.length > 0) bytes[random(bytes.length)] = random(256);
    else if (kind === 1) bytes = Buffer.concat([head, tail]);
    else if (kind === 2) bytes = Buffer.concat([head, middle, middle, tail]);
    else if (kind === 3) bytes = Buffer.concat([head, tokens[random(tokens.length)] ?? head, bytes.subarray(at)]);
    else if (kind === 4) bytes = Buffer.concat([head, pick().subarray(random(50))]);
    else bytes = Buffer.concat([bytes, Buffer.from("\n"), pick()]);
  }
  return bytes;
}
