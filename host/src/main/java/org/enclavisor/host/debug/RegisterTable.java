package org.enclavisor.host.debug;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.host.debug.Register.Place;
import org.enclavisor.host.debug.Register.X87Field;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.monitor.spi.Machine;

/**
 * The registers of an enclave thread in GDB's order (GDB manual, “i386 Features”), and where each is in an SSA frame.
 * What XFRM does not have is not there. Immutable.
 */
final class RegisterTable {
  /** XSTATE_BV of x87. */
  static final int X87 = 0;

  /** XSTATE_BV of SSE. */
  static final int SSE = 1;

  /** XSTATE_BV of the upper halves of YMM0 to YMM15. */
  static final int AVX = 2;

  private static final int OPMASK = 5;
  private static final int ZMM_HIGH = 6;
  private static final int ZMM_MORE = 7;
  private static final long AVX512 = 0xE0;

  private static final int CPUID_XSAVE = 0xD;
  private static final int ST0 = 32;
  private static final int XMM0 = 160;
  private static final int MXCSR = 24;
  private static final int RFLAGS = 128;
  private static final int FS_BASE = 168;
  private static final int GS_BASE = 176;

  /** Of 64-bit programs under Linux. */
  private static final long CS = 0x33;

  /** Of 64-bit programs under Linux. */
  private static final long SS = 0x2B;

  /** GPRSGX's order. */
  private static final List<String> GPRS =
      List.of("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
          "r15");

  /** GDB's order. */
  private static final List<String> CORE =
      List.of("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
          "r15");

  /** One feature of the target description, and its registers in order. */
  record Feature(String name, List<Register> registers) {}

  private final List<Feature> features;
  private final List<Register> all;
  private final int xsaveBytes;

  private RegisterTable(List<Feature> features, int xsaveBytes) {
    this.features = List.copyOf(features);
    this.xsaveBytes = xsaveBytes;
    all = features.stream().flatMap(feature -> feature.registers().stream()).toList();
  }

  /**
   * The registers of an enclave.
   *
   * @param xfrm SECS.ATTRIBUTES.XFRM
   * @param machine says where the state components are in an XSAVE area
   */
  static RegisterTable of(long xfrm, Machine machine) {
    List<Feature> features = new ArrayList<>();
    features.add(new Feature("org.gnu.gdb.i386.core", core()));
    features.add(new Feature("org.gnu.gdb.i386.sse", sse()));
    // Linux programs have it; it says that no system call is to be restarted.
    features.add(
        new Feature("org.gnu.gdb.i386.linux", List.of(new Register("orig_rax", 64, "int", new Place.Constant(-1)))));
    features.add(
        new Feature(
            "org.gnu.gdb.i386.segments",
            List.of(
                new Register("fs_base", 64, "int", new Place.Gpr(FS_BASE)),
                new Register("gs_base", 64, "int", new Place.Gpr(GS_BASE)))));
    int bytes = 576;
    if ((xfrm & 1L << AVX) != 0) {
      features.add(new Feature("org.gnu.gdb.i386.avx", avx(machine)));
      bytes = Math.max(bytes, end(machine, AVX));
    }
    if ((xfrm & AVX512) == AVX512) {
      features.add(new Feature("org.gnu.gdb.i386.avx512", avx512(machine)));
      bytes = Math.max(bytes, Math.max(end(machine, OPMASK), Math.max(end(machine, ZMM_HIGH), end(machine, ZMM_MORE))));
    }
    return new RegisterTable(features, bytes);
  }

  private static List<Register> core() {
    List<Register> core = new ArrayList<>();
    for (String name : CORE) {
      String type = name.equals("rbp") || name.equals("rsp") ? "data_ptr" : "int64";
      core.add(new Register(name, 64, type, new Place.Gpr(8 * GPRS.indexOf(name))));
    }
    core.add(new Register("rip", 64, "code_ptr", new Place.Gpr((int) GprSgx.RIP_OFFSET)));
    core.add(new Register("eflags", 32, "i386_eflags", new Place.Gpr(RFLAGS)));
    core.add(new Register("cs", 32, "int32", new Place.Constant(CS)));
    core.add(new Register("ss", 32, "int32", new Place.Constant(SS)));
    for (String name : List.of("ds", "es", "fs", "gs")) {
      core.add(new Register(name, 32, "int32", new Place.Constant(0)));
    }
    for (int i = 0; i < 8; i++) {
      core.add(new Register("st" + i, 80, "i387_ext", new Place.Xsave(X87, ST0 + 16 * i)));
    }
    for (X87Field field : X87Field.values()) {
      core.add(
          new Register(field.name().toLowerCase(java.util.Locale.ROOT), 32, "int", new Place.X87(field)));
    }
    return core;
  }

  private static List<Register> sse() {
    List<Register> sse = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      sse.add(new Register("xmm" + i, 128, "vec128", new Place.Xsave(SSE, XMM0 + 16 * i)));
    }
    sse.add(new Register("mxcsr", 32, "i386_mxcsr", new Place.Xsave(-1, MXCSR)));
    return sse;
  }

  private static List<Register> avx(Machine machine) {
    List<Register> avx = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      avx.add(new Register("ymm" + i + "h", 128, "uint128", new Place.Xsave(AVX, offset(machine, AVX) + 16 * i)));
    }
    return avx;
  }

  private static List<Register> avx512(Machine machine) {
    List<Register> more = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      more.add(new Register("k" + i, 64, "uint64", new Place.Xsave(OPMASK, offset(machine, OPMASK) + 8 * i)));
    }
    int high = offset(machine, ZMM_HIGH);
    for (int i = 0; i < 16; i++) {
      more.add(new Register("zmm" + i + "h", 256, "v2ui128", new Place.Xsave(ZMM_HIGH, high + 32 * i)));
    }
    int whole = offset(machine, ZMM_MORE);
    for (int i = 0; i < 16; i++) {
      more.add(new Register("xmm" + (16 + i), 128, "vec128", new Place.Xsave(ZMM_MORE, whole + 64 * i)));
    }
    for (int i = 0; i < 16; i++) {
      more.add(new Register("ymm" + (16 + i) + "h", 128, "uint128", new Place.Xsave(ZMM_MORE, whole + 64 * i + 16)));
    }
    for (int i = 0; i < 16; i++) {
      more.add(new Register("zmm" + (16 + i) + "h", 256, "v2ui128", new Place.Xsave(ZMM_MORE, whole + 64 * i + 32)));
    }
    return more;
  }

  private static int offset(Machine machine, int component) {
    return machine.cpuid(CPUID_XSAVE, component).ebx();
  }

  private static int end(Machine machine, int component) {
    return offset(machine, component) + machine.cpuid(CPUID_XSAVE, component).eax();
  }

  /** In the order of the numbers. */
  List<Register> all() {
    return all;
  }

  /** By what GDB calls the features. */
  List<Feature> features() {
    return features;
  }

  /** Bytes of an XSAVE area that has all of them. */
  int xsaveBytes() {
    return xsaveBytes;
  }
}
