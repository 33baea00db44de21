import { parseSyscallTable } from "./syscalls.ts";

/** From Linux's arch/x86/entry/syscalls/syscall_64.tbl (asm/unistd_64.h): the calls that the profile names. */
export const syscallsX64 = parseSyscallTable(`
  read:0 readv:19 pread64:17 preadv:295 preadv2:327 write:1 writev:20 pwrite64:18 pwritev:296 pwritev2:328 open:2
  openat:257 openat2:437 close:3 close_range:436 lseek:8 stat:4 fstat:5 lstat:6 newfstatat:262 statx:332 statfs:137
  fstatfs:138 access:21 faccessat:269 faccessat2:439 readlink:89 readlinkat:267 getcwd:79 chdir:80 fchdir:81
  getdents:78 getdents64:217 mkdir:83 mkdirat:258 rmdir:84 unlink:87 unlinkat:263 rename:82 renameat:264 renameat2:316
  link:86 linkat:265 symlink:88 symlinkat:266 chmod:90 fchmod:91 fchmodat:268 fchmodat2:452 chown:92 fchown:93
  lchown:94 fchownat:260 utimensat:280 futimesat:261 utime:132 utimes:235 truncate:76 ftruncate:77 fallocate:285
  fsync:74 fdatasync:75 sync_file_range:277 copy_file_range:326 sendfile:40 fadvise64:221 umask:95 flock:73 fcntl:72
  dup:32 dup2:33 dup3:292 pipe:22 pipe2:293 eventfd:284 eventfd2:290 ioctl:16 epoll_create:213 epoll_create1:291
  epoll_ctl:233 epoll_wait:232 epoll_pwait:281 epoll_pwait2:441 poll:7 ppoll:271 select:23 pselect6:270
  inotify_init:253 inotify_init1:294 inotify_add_watch:254 inotify_rm_watch:255 timerfd_create:283 timerfd_settime:286
  timerfd_gettime:287 signalfd4:289 mmap:9 munmap:11 mremap:25 mprotect:10 madvise:28 brk:12 mlock:149 munlock:150
  msync:26 mincore:27 membarrier:324 pkey_alloc:330 pkey_free:331 pkey_mprotect:329 futex:202 futex_waitv:449
  set_robust_list:273 get_robust_list:274 set_tid_address:218 rseq:334 arch_prctl:158 prctl:157 sched_yield:24
  sched_getaffinity:204 sched_setaffinity:203 sched_getscheduler:145 sched_getparam:143 sched_get_priority_max:146
  sched_get_priority_min:147 getpriority:140 setpriority:141 getcpu:309 rt_sigaction:13 rt_sigprocmask:14
  rt_sigreturn:15 rt_sigsuspend:130 rt_sigtimedwait:128 rt_sigqueueinfo:129 rt_tgsigqueueinfo:297 rt_sigpending:127
  sigaltstack:131 kill:62 tkill:200 tgkill:234 restart_syscall:219 getpid:39 getppid:110 gettid:186 getuid:102
  geteuid:107 getgid:104 getegid:108 getresuid:118 getresgid:120 getgroups:115 getpgid:121 getpgrp:111 getsid:124
  getrlimit:97 prlimit64:302 getrusage:98 times:100 sysinfo:99 uname:63 capget:125 capset:126 setuid:105 setgid:106
  setgroups:116 setresuid:117 setresgid:119 clock_gettime:228 clock_getres:229 clock_nanosleep:230 nanosleep:35
  gettimeofday:96 time:201 getrandom:318 connect:42 sendto:44 recvfrom:45 sendmsg:46 recvmsg:47 sendmmsg:307
  recvmmsg:299 shutdown:48 getsockname:51 getpeername:52 getsockopt:55 setsockopt:54 socketpair:53 execve:59 exit:60
  exit_group:231 wait4:61 waitid:247 clone:56 clone3:435 socket:41 io_uring_setup:425 io_uring_enter:426
  io_uring_register:427 setpgid:109
`);
