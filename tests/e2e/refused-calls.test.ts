import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const principal = `user:${process.getuid?.() ?? 0}`;
const refused = { principal, method: "agent.hello", result: "FORBIDDEN" };

test("calls that a role may not make are recorded, and a flood of them makes two records", async () => {
  await using first = await startTestDaemon({ engine: "process" });
  const calls = 2_000;
  const line = '{"jsonrpc":"2.0","id":1,"method":"agent.hello","params":{"runtime_version":"1","pid":1}}\n';
  const peer = connect(first.socket);
  peer.end(line.repeat(calls));
  const answers = await text(peer);
  expect(answers.match(/"code":"FORBIDDEN"/g)).toHaveLength(calls);
  const early = await until("the first record", async () => {
    const { records } = await first.client.audit.tail({});
    return records.length > 0 ? records : undefined;
  });
  expect(early).toMatchObject([{ ...refused, calls: 1 }]);
  await first.client.close();
  expect((await first.end("SIGTERM")).code).toBe(0);

  await using second = await startTestDaemon({ engine: "process", directories: first.directories });
  const { records } = await second.client.audit.tail({});
  expect(records).toMatchObject([
    { ...refused, calls: 1 },
    { ...refused, calls: calls - 1 },
  ]);
  expect(await second.client.audit.verify()).toMatchObject({ ok: true, records: 2 });
  const exported = await second.cli(["audit", "export", "--format", "cef"]);
  expect(exported.stdout).toContain(`suser=${principal} outcome=FORBIDDEN cnt=${calls - 1}`);
}, 60_000);
