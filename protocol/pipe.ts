const prefix = /^[\\/]{2}[.?][\\/]pipe[\\/]/i;

/** Whether a socket's path names a Windows pipe. */
export const isPipePath = (path: string): boolean => prefix.test(path);

/**
 * The file that holds the token of the bridge on a pipe, below the profile (`os.homedir()`) of the user who runs the bridge. Windows
 * opens a profile to its user, to administrators and to no one else.
 */
export function pipeTokenFile(path: string): string {
  // Pipe names are not case-sensitive.
  const name = path
    .replace(prefix, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, "_");
  return `AppData/Local/ArmorClaw/pipes/${name}.token`;
}
