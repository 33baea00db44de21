/**
 * Whether a file's mode gives rights to others than its owner. On Windows the mode has no meaning: the directory decides who may
 * read a file, and a user's profile is closed to other users.
 */
export const othersMayReach = ({ mode }: { readonly mode: number }, platform = process.platform): boolean =>
  platform !== "win32" && (mode & 0o077) !== 0;
