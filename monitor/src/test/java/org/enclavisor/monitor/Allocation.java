package org.enclavisor.monitor;

import java.lang.reflect.Method;

/**
 * What the current thread has allocated. By reflection, since tests are compiled as part of a module that has no
 * business with the management interfaces.
 */
public final class Allocation {
  private Allocation() {}

  /** Bytes since the thread started. */
  public static long bytes() {
    try {
      Object threads =
          Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean").invoke(null);
      Method method = Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes");
      return (long) method.invoke(threads);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
