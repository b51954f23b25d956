package org.enclavisor.linux;

/** The error numbers of x86-64 Linux that are told apart or shown (asm-generic/errno-base.h, errno.h). */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int ESRCH = 3;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int ENXIO = 6;
  public static final int E2BIG = 7;
  public static final int EBADF = 9;
  public static final int ECHILD = 10;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int EINVAL = 22;
  public static final int EMFILE = 24;
  public static final int ENOSPC = 28;
  public static final int ENOSYS = 38;
  public static final int ETIMEDOUT = 110;

  private Errno() {}

  /** The symbolic name with what it usually means, or the bare number. */
  public static String name(int errno) {
    return switch (errno) {
      case EPERM -> "EPERM (not permitted)";
      case ENOENT -> "ENOENT (no such thing)";
      case ESRCH -> "ESRCH (no such process)";
      case EINTR -> "EINTR (interrupted)";
      case EIO -> "EIO (input or output error)";
      case ENXIO -> "ENXIO (nothing there)";
      case E2BIG -> "E2BIG (too big)";
      case EBADF -> "EBADF (bad file descriptor)";
      case ECHILD -> "ECHILD (no such child)";
      case EAGAIN -> "EAGAIN (try again, or a limit was reached)";
      case ENOMEM -> "ENOMEM (out of memory)";
      case EACCES -> "EACCES (access denied)";
      case EFAULT -> "EFAULT (bad address)";
      case EBUSY -> "EBUSY (busy)";
      case EEXIST -> "EEXIST (exists already)";
      case EINVAL -> "EINVAL (invalid argument)";
      case EMFILE -> "EMFILE (too many open files)";
      case ENOSPC -> "ENOSPC (no space left)";
      case ENOSYS -> "ENOSYS (this kernel lacks the call)";
      case ETIMEDOUT -> "ETIMEDOUT (timed out)";
      default -> "errno " + errno;
    };
  }
}
