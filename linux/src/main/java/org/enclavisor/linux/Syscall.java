package org.enclavisor.linux;

/** The numbers of x86-64 Linux's system calls that are in use (arch/x86/entry/syscalls/syscall_64.tbl). */
public final class Syscall {
  public static final int READ = 0;
  public static final int WRITE = 1;
  public static final int OPEN = 2;
  public static final int CLOSE = 3;
  public static final int FSTAT = 5;
  public static final int POLL = 7;
  public static final int LSEEK = 8;
  public static final int MMAP = 9;
  public static final int MPROTECT = 10;
  public static final int MUNMAP = 11;
  public static final int RT_SIGACTION = 13;
  public static final int RT_SIGPROCMASK = 14;
  public static final int IOCTL = 16;
  public static final int PWRITE64 = 18;
  public static final int MADVISE = 28;
  public static final int GETPID = 39;
  public static final int CLONE = 56;
  public static final int WAIT4 = 61;
  public static final int FCNTL = 72;
  public static final int FTRUNCATE = 77;
  public static final int PTRACE = 101;
  public static final int GETPPID = 110;
  public static final int SETSID = 112;
  public static final int SIGALTSTACK = 131;
  public static final int PRCTL = 157;
  public static final int GETTID = 186;
  public static final int FUTEX = 202;
  public static final int SCHED_SETAFFINITY = 203;
  public static final int SCHED_GETAFFINITY = 204;
  public static final int EXIT_GROUP = 231;
  public static final int TGKILL = 234;
  public static final int WAITID = 247;
  public static final int FALLOCATE = 285;
  public static final int EVENTFD2 = 290;
  public static final int PRLIMIT64 = 302;
  public static final int GETCPU = 309;
  public static final int PROCESS_VM_READV = 310;
  public static final int SECCOMP = 317;
  public static final int GETRANDOM = 318;
  public static final int MEMFD_CREATE = 319;
  public static final int EXECVEAT = 322;
  public static final int USERFAULTFD = 323;
  public static final int PIDFD_SEND_SIGNAL = 424;
  public static final int CLOSE_RANGE = 436;
  public static final int PIDFD_GETFD = 438;

  private Syscall() {}
}
