package org.enclavisor.host.sdk;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.Machine.CpuidResult;

/**
 * What the runtime in the enclave is told about the processor, since CPUID faults inside: {@code system_features_t}
 * (common/inc/internal/rts.h), packed, little-endian.
 *
 * @param cpuFeatures the older set of feature bits (se_cpu_feature_defs.h)
 * @param sdkVersion 0 for metadata of SDK 1.x, 5 for metadata of SDK 3
 * @param featureSet bit 63: the only element; bit 62: the fields from {@code size} on are there; bit 1: AEX-Notify;
 *     bit 0: EDMM
 * @param cpuinfo four registers each of CPUID leaves 0, 1, 4 and 7 at their places, 32 words in all
 * @param cpuFeaturesExt the newer set of feature bits (se_cpu_feature_defs_ext.h)
 * @param cores how many processors are online
 */
record SystemFeatures(
    long cpuFeatures, int sdkVersion, long featureSet, List<Integer> cpuinfo, long cpuFeaturesExt, int cores) {

  /** Bytes of the record. */
  static final int BYTES = 176;

  /** {@code SDK_VERSION_1_5}. */
  static final int SDK_1_5 = 0;

  /** {@code SDK_VERSION_3_0}. */
  static final int SDK_3_0 = 5;

  /** Of {@link #featureSet}: dynamic memory. */
  static final long EDMM = 1;

  /** Of {@link #featureSet}: AEX-Notify is there and wanted. */
  static final long AEX_NOTIFY = 1L << 1;

  private static final int CPUINFO_WORDS = 32;
  private static final long ONLY_ELEMENT = 1L << 63;
  private static final long EXTENDED = 1L << 62;
  private static final java.lang.foreign.ValueLayout.OfInt INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final java.lang.foreign.ValueLayout.OfLong LONG =
      JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  SystemFeatures {
    cpuinfo = List.copyOf(cpuinfo);
    if (cpuinfo.size() != CPUINFO_WORDS) {
      throw new IllegalArgumentException("cpuinfo=" + cpuinfo.size() + " words: expected " + CPUINFO_WORDS);
    }
  }

  /**
   * The truth about a machine.
   *
   * @param more bits of {@link #featureSet} beside those that are always set
   */
  static SystemFeatures of(Machine machine, int sdkVersion, long more, int cores) {
    var words = new Integer[CPUINFO_WORDS];
    java.util.Arrays.fill(words, 0);
    for (int leaf : new int[] {0, 1, 4, 7}) {
      CpuidResult result = machine.cpuid(leaf, 0);
      words[4 * leaf] = result.eax();
      words[4 * leaf + 1] = result.ebx();
      words[4 * leaf + 2] = result.ecx();
      words[4 * leaf + 3] = result.edx();
    }
    var bits = new CpuFeatureBits(machine);
    return new SystemFeatures(
        bits.older(), sdkVersion, ONLY_ELEMENT | EXTENDED | more, List.of(words), bits.newer(), cores);
  }

  /** Writes the record at the start of a segment. The key of an encrypted image, at 148, stays NULL. */
  void write(MemorySegment target) {
    target.asSlice(0, BYTES).fill((byte) 0);
    target.set(LONG, 0, cpuFeatures);
    target.set(INT, 8, sdkVersion);
    target.set(LONG, 12, featureSet);
    for (int i = 0; i < CPUINFO_WORDS; i++) {
      target.set(INT, 20 + 4L * i, cpuinfo.get(i));
    }
    target.set(LONG, 156, BYTES);
    target.set(LONG, 164, cpuFeaturesExt);
    target.set(INT, 172, cores);
  }
}
