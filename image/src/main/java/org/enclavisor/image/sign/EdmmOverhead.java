package org.enclavisor.image.sign;

import java.util.List;

/**
 * How much memory the SDK's run-time sets aside to keep track of dynamic memory ({@code calculate_rts_bk_overhead}): a
 * node for each area, and for most a bit for each page.
 */
final class EdmmOverhead {
  static final long GUARD_BYTES = 0x8000;
  private static final long RESERVE_STEP = 0x10000;
  private static final long RESERVE_HEAD = 32;
  /** Sizes of the run-time's structures {@code ema_t_} and {@code bit_array_}, as it allocates them. */
  private static final long NODE = allocated(80);
  private static final long BITS = allocated(24);

  private EdmmOverhead() {}

  /**
   * @param ssaFrameSize in pages
   * @param tlsPages pages of thread-local storage
   * @param segmentBytes the memory size of each loadable segment
   * @return bytes, a multiple of 64 KiB
   */
  static long bytes(SigningConfig config, int ssaFrameSize, long tlsPages, List<Long> segmentBytes) {
    long sum = 0;
    long user = config.get(ConfigKey.USER_REGION_SIZE);
    if (user > 0) {
      sum += Math.max(roundUp(user >> 15, LayoutPlan.PAGE), LayoutPlan.PAGE);
    }
    sum += growing(config.get(ConfigKey.HEAP_MIN_SIZE), config.heapInitSize(), config.get(ConfigKey.HEAP_MAX_SIZE));
    sum += growing(config.get(ConfigKey.RESERVED_MEM_MIN_SIZE), config.reservedInitSize(),
        config.get(ConfigKey.RESERVED_MEM_MAX_SIZE));
    sum += threads(config, ssaFrameSize, tlsPages);
    for (long bytes : segmentBytes) {
      sum += area(roundUp(bytes, LayoutPlan.PAGE));
    }
    sum += NODE;
    return roundUp(sum + RESERVE_HEAD, RESERVE_STEP);
  }

  private static long growing(long min, long init, long max) {
    return area(min) + (init > min ? area(init - min) : 0) + (max > init ? area(max - init) : 0);
  }

  private static long threads(SigningConfig config, int ssaFrameSize, long tlsPages) {
    long min = config.get(ConfigKey.STACK_MIN_SIZE);
    long more = config.get(ConfigKey.STACK_MAX_SIZE) - min;
    long kept = 3 * NODE + area(min) + (more > 0 ? area(more) : 0) + area(LayoutPlan.PAGE)
        + area((long) ssaFrameSize * LayoutPlan.SSA_FRAMES * LayoutPlan.PAGE) + area((1 + tlsPages) * LayoutPlan.PAGE);
    long removed = (more > 0 ? 8 : 7) * NODE;
    long ready = config.readyThreads();
    long taken = Math.max(0, config.get(ConfigKey.TCS_NUM) - 1 - config.get(ConfigKey.TCS_MIN_POOL));
    long later = config.tcsMaxNum() > ready + 1 ? config.tcsMaxNum() - ready : 0;
    return kept * (1 + ready + later) + removed * (1 + taken);
  }

  private static long area(long bytes) {
    return NODE + BITS + allocated(roundUp(bytes / LayoutPlan.PAGE, 8) >> 3);
  }

  /** What the run-time's allocator takes: a header of 8 bytes, multiples of 8, at least 16. */
  private static long allocated(long bytes) {
    return Math.max(16, roundUp(bytes + 8, 8));
  }

  private static long roundUp(long value, long step) {
    return (value + step - 1) / step * step;
  }
}
