package org.enclavisor.linux;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.enclavisor.monitor.spi.PlatformException;

/** A system call that this machine refused. */
public final class SyscallException extends PlatformException {
  private static final long serialVersionUID = 1;

  private final String call;
  private final int errno;

  public SyscallException(String call, int errno, long... arguments) {
    super(describe(call, errno, arguments));
    this.call = call;
    this.errno = errno;
  }

  /** The call's name as in its manual page. */
  public String call() {
    return call;
  }

  /** The positive error number. */
  public int errno() {
    return errno;
  }

  private static String describe(String call, int errno, long[] arguments) {
    String list =
        Arrays.stream(arguments)
            .mapToObj(a -> a >= 0 && a < 10 ? Long.toString(a) : "0x" + Long.toHexString(a))
            .collect(Collectors.joining(", "));
    return "%s(%s) failed: %s".formatted(call, list, Errno.name(errno));
  }
}
