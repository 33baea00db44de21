/** A rule on one argument: all of its 64 bits, after `mask` where one is given, equal `value`. */
export interface ArgumentRule {
  readonly index: number;
  readonly value: number;
  readonly mask?: number;
}

export interface SyscallRule {
  readonly names: readonly string[];
  /** The errno that the call answers; without one it is allowed. */
  readonly errno?: number;
  readonly argument?: ArgumentRule;
}

/** Calls without a rule answer EPERM. */
export interface SeccompProfile {
  readonly rules: readonly SyscallRule[];
}

export const EPERM = 1;
const ENOSYS = 38;
const AF_UNIX = 1;
const CLONE_THREAD = 0x10000;

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const files = words(`
  read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 open openat openat2 close close_range lseek
  stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getcwd chdir fchdir
  getdents getdents64 mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat chmod
  fchmod fchmodat fchmodat2 chown fchown lchown fchownat utimensat futimesat utime utimes truncate ftruncate fallocate
  fsync fdatasync sync_file_range copy_file_range sendfile fadvise64 umask flock fcntl dup dup2 dup3 pipe pipe2 eventfd
  eventfd2 ioctl inotify_init inotify_init1 inotify_add_watch inotify_rm_watch`);
const waiting = words(`
  epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6 timerfd_create
  timerfd_settime timerfd_gettime signalfd4 clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time`);
const memory = words(`
  mmap munmap mremap mprotect madvise brk mlock munlock msync mincore membarrier pkey_alloc pkey_free pkey_mprotect`);
const process = words(`
  futex futex_waitv set_robust_list get_robust_list set_tid_address rseq arch_prctl prctl sched_yield sched_getaffinity
  sched_setaffinity sched_getscheduler sched_getparam sched_get_priority_max sched_get_priority_min getpriority
  setpriority getcpu rt_sigaction rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo
  rt_tgsigqueueinfo rt_sigpending sigaltstack kill tkill tgkill restart_syscall getpid getppid gettid getuid geteuid
  getgid getegid getresuid getresgid getgroups getpgid getpgrp getsid getrlimit prlimit64 getrusage times sysinfo uname
  capget capset setuid setgid setgroups setresuid setresgid getrandom execve exit exit_group wait4 waitid`);
const sockets = words(`
  connect sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown getsockname getpeername getsockopt setsockopt
  socketpair`);

/**
 * The profile of an agent that communicates only over its Unix socket: no child processes (clone makes threads only), no
 * socket but AF_UNIX, no bind, listen or accept, no namespaces, mounts, tracing, keys, bpf, memfd or io_uring. The id-
 * and capability-setting calls are for the runtime, which applies the filter before it drops its own rights.
 */
export const loopProfile: SeccompProfile = {
  rules: [
    { names: [...files, ...waiting, ...memory, ...process, ...sockets] },
    { names: ["clone"], argument: { index: 0, value: CLONE_THREAD, mask: CLONE_THREAD } },
    { names: ["socket"], argument: { index: 0, value: AF_UNIX } },
    // libc and libuv fall back to allowed calls when these do not exist.
    { names: ["clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"], errno: ENOSYS },
  ],
};

const namespaceFlags = 0x7e02_0000;

/**
 * The profile of an agent that may start the programs in its own sandbox: child processes, and still no namespaces. The init
 * that reaps them puts the agent in its own process group.
 */
export const programsProfile: SeccompProfile = {
  rules: [
    ...loopProfile.rules.filter(({ names }) => !names.includes("clone")),
    { names: ["clone"], argument: { index: 0, value: 0, mask: namespaceFlags } },
    { names: ["setpgid"] },
  ],
};

const dockerArchitectures: Readonly<Record<string, string>> = { x64: "SCMP_ARCH_X86_64", arm64: "SCMP_ARCH_AARCH64" };

/** Converts the profile to Docker's format, for one architecture only: each additional one costs time at every start. */
export function toDockerProfile(profile: SeccompProfile, arch: string): string {
  const architecture = dockerArchitectures[arch];
  return JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    ...(architecture === undefined ? {} : { archMap: [{ architecture, subArchitectures: [] }] }),
    syscalls: profile.rules.map(({ names, errno, argument }) => ({
      names,
      ...(errno === undefined ? { action: "SCMP_ACT_ALLOW" } : { action: "SCMP_ACT_ERRNO", errnoRet: errno }),
      ...(argument === undefined ? {} : { args: [toDockerArgument(argument)] }),
    })),
  });
}

function toDockerArgument({ index, value, mask }: ArgumentRule): object {
  if (mask === undefined) return { index, value, op: "SCMP_CMP_EQ" };
  return { index, value: mask, valueTwo: value, op: "SCMP_CMP_MASKED_EQ" };
}
