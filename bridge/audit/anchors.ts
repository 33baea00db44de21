import { createHmac, hkdfSync } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Link } from "./store.ts";

/** A second place that records the end of the chain from time to time, so that entries cannot be removed unnoticed. */
export interface AnchorSink {
  readonly name: string;
  write(line: string): void;
  /** Returns the written lines. Left out where they cannot be read back. */
  read?(): readonly string[];
}

/** Writes the anchors to a file of mode 0600, and flushes each to the disk. */
export function anchorFile(path: string): AnchorSink {
  return {
    name: path,
    write(line) {
      const fd = openSync(path, "a", 0o600);
      try {
        writeSync(fd, `${line}\n`);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    },
    read() {
      const text = readIfThere(path);
      // A crash tore a last line without its newline. It was never reported as written.
      return text.split("\n").slice(0, -1);
    },
  };
}

/** Writes the anchors to the bridge's own log, which under systemd is the journal. */
export const anchorLog = (log: { info(fields: object, message: string): void }): AnchorSink => ({
  name: "log",
  write: (line) => log.info({ anchor: line }, "audit anchor"),
});

const anchorKey = (key: Uint8Array) => Buffer.from(hkdfSync("sha256", key, "", "armorclaw anchor 1", 32));

export const anchorLine = (key: Uint8Array, link: Link, time: string): string => signedLine(anchorKey(key), link, time);

function signedLine(ownKey: Uint8Array, { seq, mac }: Link, time: string): string {
  const code = Buffer.from(mac).toString("hex");
  const signature = createHmac("sha256", ownKey).update(`${seq} ${code} ${time}`).digest("hex");
  return `${seq} ${code} ${time} ${signature}`;
}

export interface Anchor {
  readonly seq: number;
  readonly code: string;
}

/** Reads lines of one key. It returns undefined for a line that the bridge did not write. */
export function anchorParser(key: Uint8Array): (line: string) => Anchor | undefined {
  const ownKey = anchorKey(key);
  return (line) => {
    const [seq = "", code = "", time = ""] = line.split(" ");
    const isOurs = line === signedLine(ownKey, { seq: Number(seq), mac: Buffer.from(code, "hex") }, time);
    return isOurs ? { seq: Number(seq), code } : undefined;
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
