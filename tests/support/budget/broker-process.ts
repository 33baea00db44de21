// A model broker in a process of its own, for the benchmark. It prints its endpoint's address and serves until its input ends.
import { holder, openBroker } from "./broker.ts";
import { costLimit, usd } from "./budget.ts";

const [baseUrl = ""] = process.argv.slice(2);
const bench = await openBroker({
  baseUrl,
  limits: [costLimit("global", "day", usd(1_000_000)), costLimit("agent:*", "day", usd(1_000_000))],
});
const socketPath = await bench.listen(holder);
process.stdout.write(`${JSON.stringify({ socketPath, key: bench.endpoint.keyOf(holder) })}\n`);
for await (const _ of process.stdin);
await bench[Symbol.asyncDispose]();
