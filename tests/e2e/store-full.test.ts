import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const storeHealth = async ({ client }: TestDaemon) =>
  (await client.bridge.health()).checks.find(({ name }) => name === "store");

describeIf(process.getuid?.() === 0, "mounting a small disk needs root", "a bridge whose disk is full", () => {
  test("goes on with the ballast, reports that in its health, and is healthy again when there is room", async () => {
    using disk = tempDirectory();
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk.path]).status).toBe(0);
    try {
      using temp = tempDirectory();
      const directories = { runtime: join(temp.path, "r"), state: join(disk.path, "s") };
      const flags = ["--set", "store.ballast_bytes=4194304"];
      await using daemon = await startTestDaemon({ engine: "process", flags, directories });
      expect(await storeHealth(daemon)).toMatchObject({ status: "ok" });
      const filler = join(disk.path, "filler");
      const { bavail, bsize } = statfsSync(disk.path);
      writeFileSync(filler, Buffer.alloc(bavail * bsize - 262_144));
      const publish = (n: number) =>
        daemon.client.event.publish({ channel: "load.a", type: "load.made", data: { n, text: "x".repeat(30_000) } });
      const said = await until("the room that was kept is used", async () => {
        const { seq } = await publish(1);
        const health = await storeHealth(daemon);
        return health?.status === "degraded" && seq > 0 ? health : undefined;
      });
      expect(said.message).toMatch(/disk is full/);
      rmSync(filler);
      await until(
        "it is well again",
        async () => {
          await publish(2);
          return (await storeHealth(daemon))?.status === "ok";
        },
        30_000,
      );
    } finally {
      spawnSync("umount", ["-l", disk.path]);
    }
  }, 90_000);

  test("starts again after kill -9 on a full disk, and leaves nothing half-written", async () => {
    using disk = tempDirectory();
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk.path]).status).toBe(0);
    try {
      using temp = tempDirectory();
      const directories = { runtime: join(temp.path, "r"), state: join(disk.path, "s") };
      const options = { engine: "process", flags: ["--set", "store.ballast_bytes=4194304"], directories } as const;
      const first = await startTestDaemon(options);
      await first.end("SIGKILL");
      await first.client.close();
      writeFileSync(join(directories.state, "install-id.1"), "");
      const { bavail, bsize } = statfsSync(disk.path);
      writeFileSync(join(disk.path, "filler"), Buffer.alloc(bavail * bsize));
      expect(statfsSync(disk.path).bavail).toBe(0);
      await using second = await startTestDaemon(options);
      const { seq } = await second.client.event.publish({ channel: "load.a", type: "load.made", data: { n: 1 } });
      expect(seq).toBeGreaterThan(0);
      expect(readdirSync(directories.state).filter((name) => name.startsWith("install-id"))).toEqual(["install-id"]);
    } finally {
      spawnSync("umount", ["-l", disk.path]);
    }
  }, 90_000);
});
