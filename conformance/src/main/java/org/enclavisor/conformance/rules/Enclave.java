package org.enclavisor.conformance.rules;

import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Rule;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Secs;

/**
 * An enclave of a rule, as the operating system that made it remembers it: 16 pages.
 *
 * <pre>
 *   0  probe, RX        4      TCS 0         10     RWX, with code that comes back
 *   1  data, RW         5, 6   its frames    11–15  nothing
 *   2  data, RW         7      TCS 1
 *   3  data, R          8, 9   its frames
 * </pre>
 *
 * Mutable, confined to one thread.
 */
public final class Enclave {
  static final int PAGE = 4096;
  static final long SIZE = 16 * PAGE;
  static final long CODE = 0;
  static final long DATA = PAGE;
  static final long DATA2 = 2 * PAGE;
  static final long READ_ONLY = 3 * PAGE;
  static final long TCS = 4 * PAGE;
  static final long SSA = 5 * PAGE;
  static final long TCS2 = 7 * PAGE;
  static final long SSA2 = 8 * PAGE;
  static final long RWX = 10 * PAGE;
  static final long FREE = 11 * PAGE;
  static final long FREE2 = 12 * PAGE;

  final Scene scene;
  final long secs;
  final Secs description;
  final Map<Long, Long> pages = new HashMap<>();
  /** All pages that the machine gave for it. */
  final Set<Long> handed = new LinkedHashSet<>();
  Digest32 measured = Digest32.ZERO;

  Enclave(Scene scene, long secs, Secs description) {
    this.scene = scene;
    this.secs = secs;
    this.description = description;
  }

  /** What stands for an enclave where a call needs none. */
  static Enclave none(Scene scene) {
    return new Enclave(scene, 0, new Spec().secs(0));
  }

  long base() {
    return description.baseAddr();
  }

  /** The linear address at an offset. */
  long at(long offset) {
    return base() + offset;
  }

  /** The EPC page at an offset. */
  long page(long offset) {
    Long page = pages.get(offset);
    if (page == null) {
      throw new IllegalStateException("no page at offset 0x" + Long.toHexString(offset));
    }
    return page;
  }

  /** A free EPC page for an offset. */
  long newPage(long offset) {
    long page = scene.machine.epcPage(secs, at(offset));
    handed.add(page);
    return page;
  }

  LogicalProcessor cpu(int number) {
    return scene.cpu(number);
  }

  /** The command block of a thread. */
  long block(int thread) {
    return scene.machine.shared(secs) + (long) thread * PAGE;
  }

  static long tcs(int thread) {
    return thread == 0 ? TCS : TCS2;
  }

  /** Enters on a processor of the thread's number; the probe waits inside afterwards. */
  void enter(int thread) {
    LogicalProcessor.Event event =
        cpu(thread).enter(2, at(tcs(thread)), Scene.AEP, block(thread), Scene.host(this, thread));
    if (!(event instanceof LogicalProcessor.Inside)) {
      throw new Rule.Broken("EENTER in preparation: " + event);
    }
  }
}
