package org.enclavisor.image.sign;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.sdk.LayoutEntry;
import org.enclavisor.image.sdk.LayoutId;
import org.enclavisor.image.sdk.LayoutItem;
import org.enclavisor.isa.GprSgx;

/**
 * The template of {@code g_global_data}, by which the enclave's run-time knows where its heap, stacks and threads are
 * ({@code global_data.h}, {@code thread_data.h}, {@code update_global_data.hxx}). sdk_version stays 0, as with
 * {@code sgx_sign}.
 */
record GlobalData(SigningConfig config, LayoutPlan plan, int xsaveBytes, int ssaFrameSize, long tlsBytes,
    long overhead) {
  /** Size in bytes, which is how its version is known. */
  static final int BYTES = 1768;

  private static final int LAYOUT_ITEMS = 43;
  private static final int THREAD_DATA = 80;
  private static final int TLS_ADDRESS = 13 * 8;
  private static final int TCS_TEMPLATE = THREAD_DATA + 192;
  private static final int LAYOUT_COUNT = TCS_TEMPLATE + MetadataWriter.TCS_TEMPLATE_BYTES;
  private static final int LAYOUT = LAYOUT_COUNT + 8;
  private static final int ELRANGE = LAYOUT + LAYOUT_ITEMS * LayoutItem.BYTES;
  private static final int OVERHEAD = ELRANGE + 24;

  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  void write(MemorySegment target, MemorySegment tcsTemplate, MemorySegment layoutTable) {
    if (plan.items().size() > LAYOUT_ITEMS) {
      throw new MalformedImageException("g_global_data: layout_table", -1, "at most " + LAYOUT_ITEMS + " items",
          Integer.toString(plan.items().size()));
    }
    long max = config.get(ConfigKey.RESERVED_MEM_MAX_SIZE);
    target.set(U64, 8, plan.enclaveSize());
    target.set(U64, 16, plan.entry(LayoutId.HEAP_MIN).rva());
    target.set(U64, 24, config.heapInitSize());
    target.set(U64, 32, max == 0 ? 0 : plan.entry(LayoutId.RSRV_MIN).rva());
    target.set(U64, 40, max == 0 ? 0 : config.reservedInitSize());
    target.set(U64, 48, max == 0 ? 0 : config.get(ConfigKey.RESERVED_MEM_EXECUTABLE));
    target.set(U64, 56, config.get(ConfigKey.TCS_POLICY));
    target.set(U64, 64, config.tcsMaxNum());
    target.set(U64, 72, config.get(ConfigKey.TCS_NUM));
    writeThreadData(target.asSlice(THREAD_DATA));
    MemorySegment.copy(tcsTemplate, 0, target, TCS_TEMPLATE, tcsTemplate.byteSize());
    target.set(U32, LAYOUT_COUNT, plan.items().size());
    MemorySegment.copy(layoutTable, 0, target, LAYOUT, layoutTable.byteSize());
    if (config.get(ConfigKey.ELRANGE_SIZE) != 0) {
      target.set(U64, ELRANGE, config.get(ConfigKey.ENCLAVE_IMAGE_ADDRESS));
      target.set(U64, ELRANGE + 8, config.get(ConfigKey.ELRANGE_START_ADDRESS));
      target.set(U64, ELRANGE + 16, config.get(ConfigKey.ELRANGE_SIZE));
    }
    target.set(U64, OVERHEAD, overhead);
    target.set(U32, OVERHEAD + 8, (int) config.get(ConfigKey.ENABLE_IPP_FIPS));
  }

  /** The thread data of the first thread; every address counts from its TCS. */
  private void writeThreadData(MemorySegment target) {
    long tcs = plan.entry(LayoutId.TCS).rva();
    LayoutEntry stack = plan.entry(LayoutId.STACK_MIN);
    LayoutEntry data = plan.entry(LayoutId.TD);
    long stackBase = stack.rva() + config.get(ConfigKey.STACK_MIN_SIZE) - tcs;
    long ssa = plan.entry(LayoutId.SSA).rva() - tcs;
    long self = data.rva() - tcs + (data.pageCount() - 1) * LayoutPlan.PAGE;
    target.set(U64, 0, self);
    target.set(U64, 8, stackBase);
    target.set(U64, 16, stackBase);
    target.set(U64, 24, stackBase - config.get(ConfigKey.STACK_MAX_SIZE));
    target.set(U64, 32, ssa + (long) ssaFrameSize * LayoutPlan.PAGE - GprSgx.BYTES);
    target.set(U64, 56, xsaveBytes);
    target.set(U64, 88, ssa);
    target.set(U64, TLS_ADDRESS, self - tlsBytes);
    target.set(U64, TLS_ADDRESS + 8, self + TLS_ADDRESS);
  }
}
