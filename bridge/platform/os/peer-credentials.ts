import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type * as Koffi from "koffi";
import { descriptorOf } from "../../patches/node/socket-descriptor.ts";

/** The process at the other end of a Unix socket, as the kernel reports it. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The calls of libc that Node does not offer. */
export interface NativeCalls {
  peerCredentials(socket: Socket): PeerCredentials | undefined;
  /** Whether the peer has closed both directions, and not only the one that it writes to. */
  hasHungUp(socket: Socket): boolean;
  /** Whether a descriptor has something to read. */
  isReadable(fd: number): boolean;
  /** Keeps the memory out of core files and from other processes of the same user. @returns whether that succeeded */
  hideMemory(): boolean;
  /** Takes the exclusive lock of an open file or directory. The kernel releases it with the descriptor. */
  tryLock(fd: number): boolean;
  /** Keeps a descriptor from child processes. */
  closeOnExec(fd: number): void;
  /** Makes an anonymous pipe. The pipes that Node makes are sockets, which cannot be reopened through /proc. */
  pipe(): { readonly read: number; readonly write: number } | undefined;
  /** Returns memory to the system: what was freed and the C library keeps for later, and program text that only the start ran. */
  releaseFreeMemory(): void;
}

// From the Linux headers, the same on every architecture that Node runs on.
const solSocket = 1;
const soPeercred = 17;
const credentialsBytes = 12;
const pollIn = 0x1;
const pollHup = 0x10;
const prSetDumpable = 4;
const adviseDontNeed = 4;
const rlimitCore = 4;
const lockExclusive = 2;
const lockNonBlocking = 4;
const closeOnExec = 0o2000000;
const setDescriptorFlags = 2;
const descriptorCloseOnExec = 1;

/**
 * Loads the calls, which takes 12 ms.
 * @returns undefined on other systems than Linux, and where koffi has no binary
 */
export function loadNativeCalls(): NativeCalls | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const native = createRequire(import.meta.url)("koffi") as typeof Koffi;
    const libc = native.load(null);
    const getsockopt = libc.func("int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)");
    const poll = libc.func("int poll(_Inout_ int16_t *, unsigned long, int)");
    const flock = libc.func("int flock(int, int)");
    const prctl = libc.func("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)");
    const setrlimit = libc.func("int setrlimit(int, const uint64_t *)");
    const fcntl = libc.func("int fcntl(int, int, ...)");
    const pipe2 = libc.func("int pipe2(_Out_ int32_t *, int)");
    return {
      peerCredentials: (socket) => readCredentials(socket, getsockopt),
      hasHungUp: (socket) => readHangUp(socket, poll),
      isReadable: (fd) => (pollOnce(fd, pollIn, poll) & pollIn) !== 0,
      hideMemory: () => setrlimit(rlimitCore, [0, 0]) === 0 && prctl(prSetDumpable, 0, 0, 0, 0) === 0,
      tryLock: (fd) => flock(fd, lockExclusive | lockNonBlocking) === 0,
      closeOnExec: (fd) => void fcntl(fd, setDescriptorFlags, "int", descriptorCloseOnExec),
      pipe() {
        const ends = Int32Array.of(-1, -1);
        const [read, write] = pipe2(ends, closeOnExec) === 0 ? ends : [];
        return read === undefined || write === undefined ? undefined : { read, write };
      },
      releaseFreeMemory: memoryRelease(libc),
    };
  } catch {
    return undefined;
  }
}

/** glibc keeps what a start has freed: 10 MB. Other C libraries have no `malloc_trim`. */
function memoryRelease(libc: Koffi.LibraryHandle): () => void {
  try {
    const trim = libc.func("int malloc_trim(size_t)");
    const madvise = libc.func("int madvise(uintptr_t, size_t, int)");
    return () => {
      trim(0);
      for (const { start, end } of programText(readFileSync("/proc/self/maps", "utf8")))
        madvise(start, end - start, adviseDontNeed);
    };
  } catch {
    return () => undefined;
  }
}

/**
 * The pages of Node's own program text: mapped from its file, executable and never written, so the kernel may drop them and
 * read them again from its cache. A start touches most of the 50 MB; an idle bridge runs a small part of them.
 */
export function programText(
  maps: string,
  executable = process.execPath,
): { readonly start: number; readonly end: number }[] {
  return maps.split("\n").flatMap((line) => {
    const found = /^([0-9a-f]+)-([0-9a-f]+) r-xp [0-9a-f]+ \S+ [1-9]\d* +(\/.*)$/.exec(line);
    if (found === null || found[3] !== executable) return [];
    return [{ start: Number.parseInt(found[1] ?? "", 16), end: Number.parseInt(found[2] ?? "", 16) }];
  });
}

/**
 * Distinguishes a peer that is gone from one that has half-closed its connection, where the system can. A Windows pipe has no
 * half-close: there the end of the peer's data is the end of the peer.
 */
export const hangUpProbe = (native: NativeCalls | undefined, platform = process.platform) =>
  platform === "win32" ? () => true : native?.hasHungUp;

function readCredentials(
  socket: Socket,
  getsockopt: Koffi.KoffiFunc<(...values: unknown[]) => number>,
): PeerCredentials | undefined {
  const fd = descriptorOf(socket);
  if (fd < 0) return undefined;
  const credentials = Buffer.alloc(credentialsBytes);
  if (getsockopt(fd, solSocket, soPeercred, credentials, [credentialsBytes]) !== 0) return undefined;
  const view = new DataView(credentials.buffer, credentials.byteOffset, credentialsBytes);
  const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  return {
    pid: view.getInt32(0, isLittleEndian),
    uid: view.getUint32(4, isLittleEndian),
    gid: view.getUint32(8, isLittleEndian),
  };
}

function readHangUp(socket: Socket, poll: Koffi.KoffiFunc<(...values: unknown[]) => number>): boolean {
  const fd = descriptorOf(socket);
  if (fd < 0) return true;
  // `poll` reports a hang-up without being asked for it.
  return (pollOnce(fd, 0, poll) & pollHup) !== 0;
}

/** What is so of a descriptor now: struct pollfd { int fd; short events; short revents; }. */
function pollOnce(fd: number, events: number, poll: Koffi.KoffiFunc<(...values: unknown[]) => number>): number {
  const request = Int16Array.of(0, 0, events, 0);
  new Int32Array(request.buffer, 0, 1)[0] = fd;
  return poll(request, 1, 0) > 0 ? (request[3] ?? 0) : 0;
}
