import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** How often it is tried to put it back. */
const retryAfterMs = 5_000;
/** There must be this many times its size free before it is put back, or it would fill the disk itself. */
const roomFactor = 3;
const chunkBytes = 1_048_576;

/**
 * Room that is kept for bad times. A database on a full disk cannot even delete: given up in time, it lets the bridge go on, cut
 * down and say so.
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

  /** Whether it was given up, or there was never room for it. */
  get isSpent(): boolean {
    return this.#bytes > 0 && !this.#isHeld;
  }

  /** Puts it back when there is room again. */
  hold(): void {
    if (this.#isHeld || this.#bytes === 0 || performance.now() - this.#triedAt < retryAfterMs) return;
    this.#triedAt = performance.now();
    try {
      this.#isHeld = this.#isThere() || this.#write();
    } catch {
      // Without room for it there is none; the next try comes by itself.
      rmSync(this.#path, { force: true });
    }
  }

  /** @returns whether there was any to give up */
  release(): boolean {
    if (!this.#isHeld) return false;
    this.#isHeld = false;
    this.#triedAt = performance.now();
    rmSync(this.#path, { force: true });
    return true;
  }

  #isThere(): boolean {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    // Blocks, not length: a file with holes is no room.
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
