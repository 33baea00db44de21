import { parseSyscallTable } from "./syscalls.ts";

/** From Linux's include/uapi/asm-generic/unistd.h as arm64 configures it: the calls of the profile that arm64 has. */
export const syscallsArm64 = parseSyscallTable(`
  read:63 readv:65 pread64:67 preadv:69 preadv2:286 write:64 writev:66 pwrite64:68 pwritev:70 pwritev2:287 openat:56
  openat2:437 close:57 close_range:436 lseek:62 fstat:80 newfstatat:79 statx:291 statfs:43 fstatfs:44 faccessat:48
  faccessat2:439 readlinkat:78 getcwd:17 chdir:49 fchdir:50 getdents64:61 mkdirat:34 unlinkat:35 renameat:38
  renameat2:276 linkat:37 symlinkat:36 fchmod:52 fchmodat:53 fchmodat2:452 fchown:55 fchownat:54 utimensat:88
  truncate:45 ftruncate:46 fallocate:47 fsync:82 fdatasync:83 sync_file_range:84 copy_file_range:285 sendfile:71
  fadvise64:223 umask:166 flock:32 fcntl:25 dup:23 dup3:24 pipe2:59 eventfd2:19 ioctl:29 epoll_create1:20 epoll_ctl:21
  epoll_pwait:22 epoll_pwait2:441 ppoll:73 pselect6:72 inotify_init1:26 inotify_add_watch:27 inotify_rm_watch:28
  timerfd_create:85 timerfd_settime:86 timerfd_gettime:87 signalfd4:74 mmap:222 munmap:215 mremap:216 mprotect:226
  madvise:233 brk:214 mlock:228 munlock:229 msync:227 mincore:232 membarrier:283 pkey_alloc:289 pkey_free:290
  pkey_mprotect:288 futex:98 futex_waitv:449 set_robust_list:99 get_robust_list:100 set_tid_address:96 rseq:293
  prctl:167 sched_yield:124 sched_getaffinity:123 sched_setaffinity:122 sched_getscheduler:120 sched_getparam:121
  sched_get_priority_max:125 sched_get_priority_min:126 getpriority:141 setpriority:140 getcpu:168 rt_sigaction:134
  rt_sigprocmask:135 rt_sigreturn:139 rt_sigsuspend:133 rt_sigtimedwait:137 rt_sigqueueinfo:138 rt_tgsigqueueinfo:240
  rt_sigpending:136 sigaltstack:132 kill:129 tkill:130 tgkill:131 restart_syscall:128 getpid:172 getppid:173
  gettid:178 getuid:174 geteuid:175 getgid:176 getegid:177 getresuid:148 getresgid:150 getgroups:158 getpgid:155
  getsid:156 getrlimit:163 prlimit64:261 getrusage:165 times:153 sysinfo:179 uname:160 capget:90 capset:91 setuid:146
  setgid:144 setgroups:159 setresuid:147 setresgid:149 clock_gettime:113 clock_getres:114 clock_nanosleep:115
  nanosleep:101 gettimeofday:169 getrandom:278 connect:203 sendto:206 recvfrom:207 sendmsg:211 recvmsg:212
  sendmmsg:269 recvmmsg:243 shutdown:210 getsockname:204 getpeername:205 getsockopt:209 setsockopt:208 socketpair:199
  execve:221 exit:93 exit_group:94 wait4:260 waitid:95 clone:220 clone3:435 socket:198 io_uring_setup:425
  io_uring_enter:426 io_uring_register:427 setpgid:154
`);
