import type { DoctorCheck } from "@armorclaw/protocol";
import { descriptorLimit, descriptorsInUse, isOutOfDescriptors } from "../platform/os/descriptors.ts";
import { ok, trouble, warning } from "./finding.ts";

/** Sockets, output pipes and log of a running agent. */
const perAgent = 5;
/** What the bridge has open without agents and peers: store, log, sockets, modules. */
const own = 64;
/** Above this part in use, the bridge soon refuses connections. */
const muchUsed = 0.8;

const remedy =
  "Raise the limit of open files and restart the bridge: `LimitNOFILE=` in its unit, or `ulimit -Hn` as root in the shell that starts it";

/** Checks how many files the bridge may still open, and whether they suffice for what the configuration allows. */
export async function checkDescriptors(agentsMax: number, connectionsMax: number): Promise<DoctorCheck[]> {
  try {
    const most = descriptorLimit();
    const used = descriptorsInUse();
    if (most === undefined || used === undefined) return [];
    const found = `${used} of ${most} file descriptors are in use`;
    const needed = own + perAgent * agentsMax + connectionsMax;
    if (used > most * muchUsed) return [trouble("descriptors", found, remedy)];
    if (needed <= most) return [ok("descriptors", found)];
    const why = `${agentsMax} agents and ${connectionsMax} connections, which the configuration allows, take ${needed}`;
    return [warning("descriptors", `${found}; ${why}`, remedy)];
  } catch (error) {
    if (isOutOfDescriptors(error)) return [trouble("descriptors", "No file descriptor is left", remedy)];
    throw error;
  }
}
