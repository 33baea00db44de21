import { expect, test } from "@jest/globals";
import { nodeBinary, program, startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire/wire-client.ts";

/** Far below what Node would raise the limit to, which the hard limit forbids. */
const most = 160;
const limited = ["sh", "-c", `ulimit -n ${most}; exec "$@"`, "sh", nodeBinary, program] as const;
/** Methods that open files, and what they may answer. */
const opening = ["bridge.doctor", "audit.verify", "system.info", "bridge.health"];

test("a bridge without file descriptors names the cause, keeps its clients, and recovers when they are back", async () => {
  await using bridge = await startTestDaemon({
    engine: "process",
    flags: ["--set", "allow_unsandboxed=true"],
    command: limited,
  });
  await using known = await WireClient.open(bridge.socket);
  const crowd: WireClient[] = [];
  const codes = new Set<string>();
  try {
    // What is refused holds its descriptor for a moment more, so a crowd that comes at once takes the last one, too.
    for (let round = 0; round < 4; round++) {
      const opened = await Promise.allSettled(Array.from({ length: most }, () => WireClient.open(bridge.socket)));
      for (const one of opened) if (one.status === "fulfilled") crowd.push(one.value);
      for (const method of opening) {
        const { error } = await known.call(method, {});
        if (error !== undefined) codes.add(String(error.data.code));
      }
    }
    expect([...codes].filter((code) => !["DESCRIPTORS_EXHAUSTED", "METHOD_NOT_FOUND"].includes(code))).toEqual([]);
    const refused = crowd.filter(({ lines }) => lines.some((line) => line.includes("TOO_MANY_CONNECTIONS")));
    expect(refused.length).toBeGreaterThan(0);
    const { result } = await known.call("bridge.doctor", {});
    const checks = (result as { checks: { name: string; status: string; found: string }[] }).checks;
    expect(checks.find(({ name }) => name === "descriptors")).toMatchObject({ status: "trouble" });
  } finally {
    for (const one of crowd) await one[Symbol.asyncDispose]();
  }
  await until("a new connection is served", async () => {
    await using late = await WireClient.open(bridge.socket);
    return (await late.call("rpc.ping")).error === undefined;
  });
  expect((await known.call("audit.verify", {})).error).toBeUndefined();
}, 60_000);
