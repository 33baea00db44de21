/**
 * Whether a file's mode gives anything to others than its owner. On Windows a mode says nothing: who may reach a file follows
 * from the directory that it is in, and a user's profile is closed to other users.
 */
export const othersMayReach = ({ mode }: { readonly mode: number }, platform = process.platform): boolean =>
  platform !== "win32" && (mode & 0o077) !== 0;
