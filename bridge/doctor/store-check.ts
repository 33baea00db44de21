import { statSync } from "node:fs";
import type { DoctorCheck } from "@armorclaw/protocol";
import type { Clock } from "../platform/clock.ts";
import { HostMeter } from "../platform/os/host-info.ts";
import type { Store } from "../store/index.ts";
import { messageOf, ok, trouble } from "./finding.ts";

/** A larger database would take too long to read through while a caller waits. */
const readThroughBytesMax = 64 * 1024 * 1024;

const restore = "Stop the bridge and restore the last backup: `armorclaw backup restore FILE`";

/** Checks that the database takes a write and is not damaged. */
export async function checkStore(store: Store, clock: Clock, path: string): Promise<DoctorCheck> {
  try {
    const startedAtMs = clock.monotonic();
    await store.write(() => undefined);
    const ms = Math.round(clock.monotonic() - startedAtMs);
    const bytes = statSync(path).size;
    const size = `${Math.ceil(bytes / 1024)} KiB`;
    if (store.shortage === "spent")
      return trouble("store", "The disk was full, and the space reserved for that is in use", "Free space on its disk");
    if (bytes > readThroughBytesMax)
      return ok("store", `${path} (${size}) takes a write within ${ms} ms; it is too large to be read through now`);
    const [verdict] = Object.values(store.read((sql) => sql.get("PRAGMA quick_check(1)")) ?? {});
    if (verdict !== "ok") return trouble("store", `${path} is damaged: ${verdict}`, restore);
    return ok("store", `${path} (${size}) is sound and takes a write within ${ms} ms`);
  } catch (error) {
    return trouble("store", `${path} takes no write: ${messageOf(error)}`, restore);
  }
}

/** Checks the free space where the state directory is. */
export async function checkDisk(stateDirectory: string, freeBytesMin: number): Promise<DoctorCheck> {
  const { diskFreeBytes, diskTotalBytes } = await new HostMeter(stateDirectory).read();
  const inMib = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  const found = `${inMib(diskFreeBytes)} of ${inMib(diskTotalBytes)} are free where ${stateDirectory} is`;
  if (diskFreeBytes >= freeBytesMin) return ok("disk", found);
  return trouble(
    "disk",
    `${found}, less than ${inMib(freeBytesMin)}`,
    "Free space there: `du -xh -d1` shows what uses it",
  );
}
