package org.enclavisor.host;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Instant;
import java.util.Map;
import org.enclavisor.host.marshal.OcallFrame;
import org.enclavisor.host.sdk.SdkRuntime;
import org.enclavisor.monitor.spi.Machine;
import org.jspecify.annotations.Nullable;

/**
 * The OCALLs of the SDK's own libraries, which its runtime serves for every program: CPUID, waiting and waking, threads
 * that the enclave starts, and the time of day for its TLS library. (psw/urts: se_ocalls.cpp, enclave_mutex.cpp,
 * enclave_thread.cpp.)
 */
final class BuiltInOcalls {
  private static final int SUCCESS = SgxStatus.SGX_SUCCESS.code();
  private static final int INVALID = SgxStatus.SGX_ERROR_INVALID_PARAMETER.code();

  private final Map<String, OcallServant> servants;

  BuiltInOcalls(Machine machine) {
    servants =
        Map.ofEntries(
            Map.entry("sgx_oc_cpuidex", (context, frame) -> cpuid(machine, frame)),
            Map.entry(
                "sgx_thread_wait_untrusted_event_ocall",
                (context, frame) -> status(runtime(context).await(address(frame, 0)))),
            Map.entry(
                "sgx_thread_set_untrusted_event_ocall",
                (context, frame) -> status(runtime(context).wake(address(frame, 0)))),
            Map.entry(
                "sgx_thread_setwait_untrusted_events_ocall",
                (context, frame) ->
                    status(runtime(context).wake(address(frame, 0)) && runtime(context).await(address(frame, 1)))),
            Map.entry("sgx_thread_set_multiple_untrusted_events_ocall", BuiltInOcalls::wakeAll),
            Map.entry("pthread_create_ocall", (context, frame) -> runtime(context).startThread().code()),
            Map.entry("pthread_wait_timeout_ocall", BuiltInOcalls::waitForTime),
            Map.entry(
                "pthread_wakeup_ocall",
                (context, frame) -> {
                  runtime(context).wake(address(frame, 0));
                  return SUCCESS;
                }),
            Map.entry("u_sgxssl_ftime", (context, frame) -> ftime(frame)));
  }

  /** Who serves the OCALL of this name, or null. */
  @Nullable OcallServant find(String name) {
    return servants.get(name);
  }

  private static SdkRuntime runtime(OcallContext context) {
    return context.enclave().runtime();
  }

  private static long address(OcallFrame frame, int number) {
    return frame.argument(number, long.class, Object.class) instanceof Long address ? address : 0;
  }

  private static int status(boolean done) {
    return done ? SUCCESS : INVALID;
  }

  private static @Nullable Object cpuid(Machine machine, OcallFrame frame) {
    Object info = frame.argument(0, int[].class, Object.class);
    var leaf = (int) address(frame, 1);
    var subleaf = (int) address(frame, 2);
    if (info instanceof int[] registers) {
      Machine.CpuidResult result = machine.cpuid(leaf, subleaf);
      registers[0] = result.eax();
      registers[1] = result.ebx();
      registers[2] = result.ecx();
      registers[3] = result.edx();
    }
    return null;
  }

  private static Object wakeAll(OcallContext context, OcallFrame frame) {
    Object waiters = frame.argument(0, long[].class, Object.class);
    if (!(waiters instanceof long[] addresses) || addresses.length == 0) {
      return INVALID;
    }
    for (long address : addresses) {
      if (!runtime(context).wake(address)) {
        return INVALID;
      }
    }
    return SUCCESS;
  }

  private static Object waitForTime(OcallContext context, OcallFrame frame) {
    return runtime(context).await(address(frame, 0), address(frame, 1))
        ? SUCCESS
        : SgxStatus.SGX_ERROR_DEVICE_BUSY.code();
  }

  /** {@code struct timeb}: seconds, then milliseconds; no time zone. */
  private static @Nullable Object ftime(OcallFrame frame) {
    Object bytes = frame.argument(0, byte[].class, Object.class);
    if (bytes instanceof byte[] timeb && timeb.length >= 10) {
      Instant now = Instant.now();
      MemorySegment segment = MemorySegment.ofArray(timeb);
      segment.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, now.getEpochSecond());
      segment.set(ValueLayout.JAVA_SHORT_UNALIGNED, 8, (short) (now.getNano() / 1_000_000));
    }
    return null;
  }
}
