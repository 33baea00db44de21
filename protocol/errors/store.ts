/** The catalogue's rows of the store and its backups (1701–1719). */
export const storeErrors = {
  STORE_FULL: {
    rpcCode: 1701,
    retryable: true,
    summary: "The disk that holds the state directory is full",
    remedy: "Free space on that disk; reads go on, and writes do as soon as there is room",
  },
  STORE_FAILED: {
    rpcCode: 1702,
    retryable: false,
    summary: "The store cannot be read or written",
    remedy: "See the bridge's log and check the disk; restore a backup if the file is damaged",
  },
  STORE_BUSY: {
    rpcCode: 1703,
    retryable: true,
    summary: "More writes wait than the disk keeps up with",
    remedy: "Try again shortly",
  },
  BACKUP_FAILED: {
    rpcCode: 1711,
    retryable: false,
    summary: "The backup could not be written or read",
    remedy: "See the message; the file must not exist yet, in a directory that the bridge may write",
  },
} as const;
