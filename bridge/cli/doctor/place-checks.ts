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

/** Who may get at the bridge's things, read from the file system as it is. */
export function checkPlaces({ runtimeDirectory, stateDirectory, socket }: Places): Finding[] {
  if (process.platform === "win32") return [];
  return [
    checkOne("runtime directory", runtimeDirectory, directoryMode, (stat) => stat.isDirectory()),
    checkOne("socket", socket, fileMode, (stat) => stat.isSocket()),
    checkOne("state directory", stateDirectory, directoryMode, (stat) => stat.isDirectory()),
    checkOne("database", join(stateDirectory, "store.db"), fileMode, (stat) => stat.isFile()),
  ];
}

/** Whether a bridge could start there. One that runs looks itself. */
export function checkDisk(stateDirectory: string, freeBytesMin: number): Finding {
  const there = nearestThere(stateDirectory);
  const { bavail, bsize } = statfsSync(there);
  const inMib = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  const found = `${inMib(bavail * bsize)} are free where ${stateDirectory} is`;
  if (bavail * bsize >= freeBytesMin) return ok("disk", found);
  return trouble(
    "disk",
    `${found}, less than ${inMib(freeBytesMin)}`,
    "Free room there: `du -xh -d1` shows what takes it",
  );
}

const nearestThere = (path: string): string => (existsSync(path) ? path : nearestThere(dirname(path)));

function checkOne(name: string, path: string, mode: number, isKind: (stat: Stats) => boolean): Finding {
  let stat: Stats;
  try {
    stat = lstatSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What a bridge makes when it starts is no trouble while none has run.
    if (code === "ENOENT") return ok(name, `${path} is not there; the bridge makes it when it starts`);
    return trouble(name, `${path} cannot be looked at (${code})`, "Ask as the bridge's own user, or as root");
  }
  if (!isKind(stat)) return trouble(name, `${path} is something else, or a link`, `Move ${path} away`);
  const found = stat.mode & 0o777;
  const excess = found & ~mode;
  if (excess !== 0)
    return trouble(name, `${path} is open to others: its mode is ${octal(found)}`, `chmod ${octal(mode)} ${path}`);
  const uid = process.getuid?.();
  if (uid !== 0 && uid !== stat.uid)
    return trouble(name, `${path} belongs to uid ${stat.uid}, and this is uid ${uid}`, "Run both as the same user");
  return ok(name, `${path} belongs to uid ${stat.uid} alone (${octal(found)})`);
}

const octal = (mode: number): string => `0${mode.toString(8)}`;
