/** The catalogue's rows of the store and its backups (1701–1719). */
export const storeErrors = {
  STORE_FULL: {
    rpcCode: 1701,
    retryable: true,
    summary: "The disk that holds the state directory is full",
    remedy: "Free space on that disk; reads still work, and writes work again once there is space",
  },
  STORE_FAILED: {
    rpcCode: 1702,
    retryable: false,
    summary: "The store cannot be read or written",
    remedy: "Read the bridge's log and check the disk; if the file is damaged, restore a backup",
  },
  STORE_BUSY: {
    rpcCode: 1703,
    retryable: true,
    summary: "Too many writes are waiting for the disk",
    remedy: "Try again shortly",
  },
  BACKUP_FAILED: {
    rpcCode: 1711,
    retryable: false,
    summary: "The backup could not be written or read",
    remedy:
      "Read the message; a new backup needs a file name that does not exist, in a directory that the bridge may write to",
  },
} as const;
