import { readdirSync } from "node:fs";
import type { NativeCalls } from "./peer-credentials.ts";

/** Whatever started the bridge may have left descriptors open in it; agents must not get them. Node closes its own by itself. */
export function keepInheritedDescriptors(native: NativeCalls | undefined): void {
  if (native === undefined) return;
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd > 2) native.closeOnExec(fd);
  }
}
