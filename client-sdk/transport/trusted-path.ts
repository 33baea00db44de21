import { type BigIntStats, lstatSync, readlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** What makes a path unsafe, and whose doing it is. */
export interface PathFault {
  readonly reason: string;
  readonly uid: number;
}

/** The same bound as the kernel's. */
const linksMax = 40;
const sticky = 0o1000n;
const writableByGroup = 0o020n;
const writableByOthers = 0o002n;

/**
 * Looks for somebody besides root and the trusted users who may decide what stands at a path: they own it, or a directory or symbolic
 * link on the way to it, or may replace an entry of such a directory.
 * @param writable whether a group or everybody may write what stands at the path itself, as for a socket
 * @returns undefined when there is nobody, and on systems without users
 * @throws Error of the system when the path cannot be looked up
 */
export function pathFault(path: string, trustedUids: readonly number[], writable = false): PathFault | undefined {
  const trusted = new Set([0, ...trustedUids].map(BigInt));
  // A user's own group is the user's, as with a umask of 002.
  const groups = new Set([0, process.getgid?.() ?? 0].map(BigInt));
  if (process.getuid === undefined) return undefined;
  let links = 0;
  let rest = segmentsOf(resolve(path));
  let at = "/";
  for (;;) {
    const stat = lstatSync(at, { bigint: true });
    const isEnd = rest.length === 0 && !stat.isSymbolicLink();
    const reason = faultOf(stat, at, { trusted, groups, isExempt: isEnd && writable });
    if (reason !== undefined) return { reason, uid: Number(stat.uid) };
    if (stat.isSymbolicLink()) {
      links += 1;
      if (links > linksMax) return { reason: `${path} is a loop of symbolic links`, uid: Number(stat.uid) };
      rest = [...segmentsOf(resolve(dirname(at), readlinkSync(at))), ...rest];
      at = "/";
      continue;
    }
    const next = rest.shift();
    if (next === undefined) return undefined;
    at = join(at, next);
  }
}

const segmentsOf = (path: string): string[] => path.split("/").filter((segment) => segment !== "");

interface Rules {
  readonly trusted: ReadonlySet<bigint>;
  readonly groups: ReadonlySet<bigint>;
  /** Whether its own mode does not matter. */
  readonly isExempt: boolean;
}

function faultOf(stat: BigIntStats, at: string, { trusted, groups, isExempt }: Rules): string | undefined {
  if (!trusted.has(stat.uid)) return `user ${stat.uid} owns ${at}`;
  // The mode of a link means nothing. In a sticky directory, such as /tmp, only its owner may replace an entry.
  if (isExempt || stat.isSymbolicLink() || (stat.isDirectory() && (stat.mode & sticky) !== 0n)) return undefined;
  if ((stat.mode & writableByOthers) !== 0n) return `every user may write ${at}`;
  const isOpenToGroup = (stat.mode & writableByGroup) !== 0n && !groups.has(stat.gid);
  return isOpenToGroup ? `group ${stat.gid} may write ${at}` : undefined;
}
