import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** How often the bridge tries to restore a released ballast. */
const retryAfterMs = 5_000;
/** The ballast is restored only when this many times its size is free, or it would fill the disk itself. */
const roomFactor = 3;
const chunkBytes = 1_048_576;

/**
 * A file that reserves room on the disk. A database on a full disk cannot even delete rows: the bridge then releases the ballast,
 * continues, removes old data and reports the shortage.
 */
export class Ballast {
  readonly #path: string;
  readonly #bytes: number;
  #triedAt = Number.NEGATIVE_INFINITY;
  #isHeld = false;

  constructor(path: string, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
    this.hold();
  }

  /** Whether the ballast was released, or there was never room for it. */
  get isSpent(): boolean {
    return this.#bytes > 0 && !this.#isHeld;
  }

  /** Restores the ballast when there is room again. */
  hold(): void {
    if (this.#isHeld || this.#bytes === 0 || performance.now() - this.#triedAt < retryAfterMs) return;
    this.#triedAt = performance.now();
    try {
      this.#isHeld = this.#isThere() || this.#write();
    } catch {
      // There is no room for the ballast. The next call tries again.
      rmSync(this.#path, { force: true });
    }
  }

  /** @returns whether there was a ballast to release */
  release(): boolean {
    if (!this.#isHeld) return false;
    this.#isHeld = false;
    this.#triedAt = performance.now();
    rmSync(this.#path, { force: true });
    return true;
  }

  #isThere(): boolean {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    // The blocks count and not the length: a file with holes reserves no room.
    return stat !== undefined && stat.size === this.#bytes && stat.blocks * 512 >= this.#bytes;
  }

  #write(): boolean {
    const { bavail, bsize } = statfsSync(dirname(this.#path));
    if (bavail * bsize < this.#bytes * roomFactor) return false;
    const fd = openSync(this.#path, "w", 0o600);
    try {
      const chunk = Buffer.alloc(chunkBytes, 0xa5);
      for (let left = this.#bytes; left > 0; left -= chunkBytes) writeSync(fd, chunk, 0, Math.min(left, chunkBytes));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return true;
  }
}
