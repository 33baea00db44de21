import { pathFault } from "@armorclaw/client-sdk/trusted-path";

/**
 * What is wrong with a file or directory that decides what the bridge does: somebody besides root and the bridge's own user owns it, may
 * write it or may replace it.
 * @returns undefined for a path that is safe
 * @throws Error of the system when the path cannot be looked up
 */
export function untrusted(path: string, ownUid = process.getuid?.()): string | undefined {
  if (ownUid === undefined) return undefined;
  const fault = pathFault(path, [ownUid]);
  return fault === undefined
    ? undefined
    : `${fault.reason}, so somebody besides root and user ${ownUid} decides what stands there`;
}
