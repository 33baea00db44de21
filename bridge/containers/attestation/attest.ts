import type { Isolation } from "@armorclaw/protocol";
import { type Clock, delay } from "../../platform/clock.ts";
import { hasOwnNamespace, readKernelFile, statusField } from "../kernel/proc.ts";
import type { Attestation } from "../port/engine.ts";
import { checkLimits, type Fact, type PromisedLimits } from "./attest-limits.ts";

/** What an engine promised for one container. */
export interface Promised extends PromisedLimits {
  readonly isolation: Isolation;
  /** As the host numbers it. */
  readonly uid: number;
  readonly namespaces: readonly Namespace[];
  /** Capabilities all gone, no-new-privileges set, a seccomp filter loaded. */
  readonly locked: boolean;
  /** Filters that the process has from the bridge, which do not count; none when left out. */
  readonly inheritedFilters?: number;
}

export type Namespace = keyof typeof namespaceWords;

const namespaceWords = {
  net: "a network of its own (no network at all)",
  pid: "a process list of its own",
  mnt: "a file system of its own",
  ipc: "no shared memory with other processes",
  uts: "a host name of its own",
  user: "a user namespace of its own",
} as const;

const capabilitySets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] as const;

/** How long a runtime may take from the process's birth to its last lock, the system call filter. */
const lockTimeoutMs = 5_000;

/** Attests a process that was just started, once its runtime has finished locking it. */
export async function attestStarted(pid: number, promised: Promised, clock: Clock): Promise<Attestation> {
  const deadline = clock.monotonic() + lockTimeoutMs;
  while (promised.locked && isBeingLocked(pid, promised) && clock.monotonic() < deadline) await delay(clock, 1);
  return attestProcess(pid, promised);
}

function isBeingLocked(pid: number, promised: Promised): boolean {
  const status = readKernelFile(`/proc/${pid}/status`);
  return status !== undefined && statusField(status, "State") !== "Z" && !hasOwnFilter(status, promised);
}

function hasOwnFilter(status: string, { inheritedFilters = 0 }: Promised): boolean {
  return statusField(status, "Seccomp") === "2" && filtersIn(status) > inheritedFilters;
}

/** Kernels before 5.9 do not count them. */
const filtersIn = (status: string): number =>
  Number(statusField(status, "Seccomp_filters") ?? Number.POSITIVE_INFINITY);

/** How many system call filters this process has, as systemd's hardening sets some: each of its children has them too. */
export function ownFilters(): number {
  const status = readKernelFile("/proc/self/status");
  return status === undefined || statusField(status, "Seccomp_filters") === undefined ? 0 : filtersIn(status);
}

/** Reads back from the kernel what was really applied to a process, and says what of the promise is not so. */
export function attestProcess(pid: number, promised: Promised): Attestation {
  const status = readKernelFile(`/proc/${pid}/status`);
  if (status === undefined)
    return { isolation: "none", missing: ["the kernel's word: the process cannot be seen from here"], facts: {} };
  const facts: Record<string, Fact> = { pid };
  const missing = [
    ...checkIdentity(status, promised, facts),
    ...checkNamespaces(pid, promised, facts),
    ...checkLimits(pid, promised, facts),
  ];
  return { isolation: missing.length === 0 ? promised.isolation : "none", missing, facts };
}

function checkIdentity(status: string, promised: Promised, facts: Record<string, Fact>): string[] {
  const missing: string[] = [];
  const capabilities = capabilitySets.map((set) => statusField(status, set) ?? "?");
  facts["uid"] = Number(statusField(status, "Uid"));
  facts["no_capabilities"] = capabilities.every((set) => /^0+$/.test(set));
  facts["no_new_privileges"] = statusField(status, "NoNewPrivs") === "1";
  facts["seccomp_filter"] = hasOwnFilter(status, promised);
  if (facts["uid"] !== promised.uid) missing.push(`the user id ${promised.uid}: it runs as ${facts["uid"]}`);
  if (!promised.locked) return missing;
  if (!facts["no_capabilities"]) missing.push(`no capabilities: it holds ${capabilities.join(" ")}`);
  if (!facts["no_new_privileges"]) missing.push("no new privileges");
  if (!facts["seccomp_filter"]) missing.push("the system call filter");
  return missing;
}

function checkNamespaces(pid: number, promised: Promised, facts: Record<string, Fact>): string[] {
  const missing: string[] = [];
  for (const [type, words] of Object.entries(namespaceWords) as [Namespace, string][]) {
    const own = hasOwnNamespace(pid, type);
    facts[`own_${type}_namespace`] = own ?? null;
    if (own !== true && promised.namespaces.includes(type)) missing.push(words);
  }
  return missing;
}
