import { existsSync, lstatSync, type Stats, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Finding, ok, trouble } from "./finding.ts";

export interface Places {
  readonly runtimeDirectory: string;
  readonly stateDirectory: string;
  readonly socket: string;
}

const directoryMode = 0o700;
const fileMode = 0o600;

/** Checks in the file system who can access the bridge's files. */
export function checkPlaces({ runtimeDirectory, stateDirectory, socket }: Places): Finding[] {
  if (process.platform === "win32") return [];
  return [
    checkOne("runtime directory", runtimeDirectory, directoryMode, (stat) => stat.isDirectory()),
    checkOne("socket", socket, fileMode, (stat) => stat.isSocket()),
    checkOne("state directory", stateDirectory, directoryMode, (stat) => stat.isDirectory()),
    checkOne("database", join(stateDirectory, "store.db"), fileMode, (stat) => stat.isFile()),
  ];
}

/** Whether the disk has room for a bridge to start. A running bridge checks its own disk. */
export function checkDisk(stateDirectory: string, freeBytesMin: number): Finding {
  const there = nearestThere(stateDirectory);
  const { bavail, bsize } = statfsSync(there);
  const inMib = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  const found = `${inMib(bavail * bsize)} are free on the disk of ${stateDirectory}`;
  if (bavail * bsize >= freeBytesMin) return ok("disk", found);
  return trouble(
    "disk",
    `${found}, less than ${inMib(freeBytesMin)}`,
    `Free space there; \`du -xh -d1 ${there}\` shows what uses it`,
  );
}

const nearestThere = (path: string): string => (existsSync(path) ? path : nearestThere(dirname(path)));

function checkOne(name: string, path: string, mode: number, isKind: (stat: Stats) => boolean): Finding {
  let stat: Stats;
  try {
    stat = lstatSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The bridge creates these when it starts.
    if (code === "ENOENT") return ok(name, `${path} does not exist yet; the bridge creates it when it starts`);
    return trouble(name, `${path} cannot be read (${code})`, "Run the doctor as the bridge's user, or as root");
  }
  if (!isKind(stat))
    return trouble(name, `${path} is a link or has the wrong type`, `Move it away: mv ${path} ${path}.old`);
  const found = stat.mode & 0o777;
  const excess = found & ~mode;
  if (excess !== 0)
    return trouble(name, `Other users can access ${path}: its mode is ${octal(found)}`, `chmod ${octal(mode)} ${path}`);
  const uid = process.getuid?.();
  if (uid !== 0 && uid !== stat.uid)
    return trouble(
      name,
      `${path} belongs to uid ${stat.uid}, but you are uid ${uid}`,
      "Run the bridge and this program as the same user",
    );
  return ok(name, `${path} belongs to uid ${stat.uid} alone (${octal(found)})`);
}

const octal = (mode: number): string => `0${mode.toString(8)}`;
