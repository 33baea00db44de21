import { readdirSync } from "node:fs";
import type { NativeCalls } from "./peer-credentials.ts";

/** Keeps descriptors that the parent process left open from the agents. Node keeps its own descriptors from them by itself. */
export function keepInheritedDescriptors(native: NativeCalls | undefined): void {
  if (native === undefined) return;
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd > 2) native.closeOnExec(fd);
  }
}
