import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";

const auditOf = async ({ client }: TestDaemon) => {
  const [{ checks }, doctor] = [await client.bridge.health(), await client.bridge.doctor()];
  const isAudit = ({ name }: { name: string }) => name === "audit";
  return { health: checks.find(isAudit), doctor: doctor.checks.find(isAudit) };
};

test("a bridge on an older store reports it at its start, in its health and to doctor, until its operator has decided", async () => {
  await using first = await startTestDaemon({ engine: "process" });
  const { directories } = first;
  const store = join(directories.state, "store.db");
  const act = ({ client }: TestDaemon, id: string) =>
    client.keystore.store({ provider: "custom", id, token: "a-secret-value" });
  await act(first, "one");
  await first.end("SIGTERM");
  copyFileSync(store, `${store}.old`);

  await using second = await startTestDaemon({ engine: "process", directories });
  expect(await auditOf(second)).toMatchObject({ health: { status: "ok" }, doctor: { status: "ok" } });
  await act(second, "two");
  await second.end("SIGTERM");
  copyFileSync(`${store}.old`, store);
  for (const suffix of ["-wal", "-shm"]) rmSync(`${store}${suffix}`, { force: true });

  await using third = await startTestDaemon({ engine: "process", directories });
  expect(await auditOf(third)).toMatchObject({
    health: { status: "degraded", message: expect.stringContaining("an older one") },
    doctor: { status: "trouble", remedy: expect.stringContaining("audit verify") },
  });
  expect((await third.client.audit.verify({})).ok).toBe(false);
  // More records do not hide it.
  for (let n = 0; n < 5; n++) await act(third, `more-${n}`);
  const ended = await third.end("SIGTERM");
  expect(ended.stderr).toContain("an older one");

  await using fourth = await startTestDaemon({ engine: "process", directories });
  const seen = await auditOf(fourth);
  expect([seen.health?.status, (await fourth.client.audit.verify({})).ok]).toEqual(["degraded", false]);
  await fourth.end("SIGTERM");

  rmSync(join(directories.state, "audit.anchors"));
  await using fifth = await startTestDaemon({ engine: "process", directories });
  expect(await auditOf(fifth)).toMatchObject({ health: { status: "ok" }, doctor: { status: "ok" } });
}, 120_000);
