import type { Isolation } from "@armorclaw/protocol";
import { type Clock, delay } from "../../platform/clock.ts";
import { hasOwnNamespace, readKernelFile, statusField } from "../kernel/proc.ts";
import type { Attestation } from "../port/engine.ts";
import { checkLimits, type Fact, type PromisedLimits } from "./attest-limits.ts";

/** The isolation that an engine promised for one container. */
export interface Promised extends PromisedLimits {
  readonly isolation: Isolation;
  /** The host's uid. */
  readonly uid: number;
  readonly namespaces: readonly Namespace[];
  /** Whether the process has no capabilities, no-new-privileges and a seccomp filter. */
  readonly locked: boolean;
  /** The number of filters that the process inherited from the bridge, which do not count. The default is 0. */
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

/** How long a runtime may take from the process's start to its last restriction, the system call filter. */
const lockTimeoutMs = 5_000;

/** Attests a process that was just started, once its runtime has restricted it completely. */
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

/** Kernels before 5.9 do not show the count. */
const filtersIn = (status: string): number =>
  Number(statusField(status, "Seccomp_filters") ?? Number.POSITIVE_INFINITY);

/** Returns the number of this process's own system call filters, for example from systemd's hardening; its children inherit them. */
export function ownFilters(): number {
  const status = readKernelFile("/proc/self/status");
  return status === undefined || statusField(status, "Seccomp_filters") === undefined ? 0 : filtersIn(status);
}

/** Reads a process's isolation back from the kernel, and lists the promises that the kernel does not confirm. */
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
