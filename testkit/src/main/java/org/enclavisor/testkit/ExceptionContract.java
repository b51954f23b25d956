package org.enclavisor.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.enclavisor.testkit.Reg.R8;
import static org.enclavisor.testkit.Reg.RAX;
import static org.enclavisor.testkit.Reg.RBX;
import static org.enclavisor.testkit.Reg.RCX;
import static org.enclavisor.testkit.Reg.RDI;
import static org.enclavisor.testkit.Reg.RDX;
import static org.enclavisor.testkit.Reg.RSI;
import static org.enclavisor.testkit.Reg.RSP;
import static org.enclavisor.testkit.SampleEnclave.DATA;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.GprSgx;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.KeyName;
import org.enclavisor.isa.KeyPolicy;
import org.enclavisor.isa.Keyrequest;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Tcs;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.EnterOutcome.Exited;
import org.enclavisor.monitor.EnterOutcome.Faulted;
import org.enclavisor.testkit.SampleEnclave.Loaded;
import org.junit.jupiter.api.Test;

/** Exceptions as the manual has them for enclaves, whatever the machine makes of the instruction; and keys. */
public abstract class ExceptionContract extends EnclaveFixture {
  private static final long GPR = SampleEnclave.THREADS + 0x2000 - GprSgx.BYTES;
  private static final long RF = 1L << 16;
  private static final long TF = 1L << 8;
  private static final int START = 16;

  private static final List<String> ILLEGAL =
      List.of(
          "cd80", // INT 80H, which Linux takes for a system call
          "cd0d", // INT 0DH
          "cd2e", // INT 2EH
          "e460", // IN AL, 60H
          "ed", // IN EAX, DX
          "66e780", // OUT 80H, AX
          "ee", // OUT DX, AL
          "6c", // INSB
          "f36f", // REP OUTSD
          "8ed8", // MOV DS, AX
          "8ee0", // MOV FS, AX
          "8ed0", // MOV SS, AX
          "0f05", // SYSCALL
          "0f34", // SYSENTER
          "cc"); // INT3, after an opt-out entry

  /** HLT, CLI, RDMSR, WRMSR, MOV from CR0, INVD, CLTS. */
  private static final List<String> PRIVILEGED = List.of("f4", "fa", "0f32", "0f30", "0f20c0", "0f08", "0f06");

  private static int[] bytes(String hex) {
    byte[] parsed = HexFormat.of().parseHex(hex);
    int[] result = new int[parsed.length];
    Arrays.setAll(result, i -> Byte.toUnsignedInt(parsed[i]));
    return result;
  }

  /** An enclave that begins with an instruction at {@link #START}, with a selector in RAX that no table has. */
  private Loaded at(String instruction) {
    return load(SampleEnclave.of(c -> c.mov(RAX, 0x7FF8).padTo(START).raw(bytes(instruction)).hlt()));
  }

  private void assertSaved(String of, Loaded loaded, int vector) {
    assertThat(memory().get(JAVA_LONG, GPR + GprSgx.RIP_OFFSET)).as("RIP, " + of).isEqualTo(loaded.base() + START);
    assertThat(memory().get(JAVA_LONG, GPR + 128) & (RF | TF)).as("RF and TF, " + of).isEqualTo(RF);
    assertThat(Byte.toUnsignedInt(memory().get(JAVA_BYTE, GPR + GprSgx.EXITINFO_OFFSET))).as(of).isEqualTo(vector);
  }

  @Test
  void illegalInstructions() {
    for (String instruction : ILLEGAL) {
      Loaded loaded = at(instruction);
      assertThat(eenter(loaded, 0, host())).as(instruction).isEqualTo(new Faulted(Vector.UD, 0, 0));
      assertSaved(instruction, loaded, 6);
    }
  }

  @Test
  void privilegedInstructions() {
    for (String instruction : PRIVILEGED) {
      Loaded loaded = at(instruction);
      assertThat(eenter(loaded, 0, host())).as(instruction).isEqualTo(new Faulted(Vector.GP, 0, 0));
      assertSaved(instruction, loaded, 0);
    }
  }

  @Test
  void breakpointsAfterAnOptInEntry() {
    Loaded loaded = load(SampleEnclave.of(c -> c.padTo(START).int3()).attributes(Attributes.DEBUG));
    MemorySegment flags = MemorySegment.ofArray(new long[] {Tcs.DBGOPTIN});
    assertThat(device().debugWrite(loaded.id(), loaded.tcs(0) + Tcs.FLAGS_OFFSET, flags).ok()).isTrue();
    assertThat(eenter(loaded, 0, host())).isEqualTo(new Faulted(Vector.BP, 0, 0));
    assertThat(memory().get(JAVA_LONG, GPR + GprSgx.RIP_OFFSET)).isEqualTo(loaded.base() + START);
  }

  @Test
  void popfDoesNotSingleStepAfterAnOptOutEntry() {
    // rsp = a page of data; pushfq; or qword [rsp], 100h; popfq; nop; nop; mov rbx, rcx; eexit
    Loaded loaded =
        load(
            SampleEnclave.of(
                c ->
                    c.rdfsbase(RSP)
                        .add(RSP, 0x800)
                        .pushfq()
                        .raw(0x48, 0x81, 0x0c, 0x24, 0, 1, 0, 0)
                        .popfq()
                        .nop()
                        .add(RDI, 1)
                        .mov(RBX, RCX)
                        .enclu(4)));
    var registers = host();
    assertThat(eenter(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
    assertThat(registers.rdi).isEqualTo(1);
    assertThat(registers.rflags & TF).isZero();
  }

  private byte[] key(Loaded loaded, int name, long status) {
    new Keyrequest(
            name, new KeyPolicy(KeyPolicy.MRENCLAVE), 0, 0, CpuSvn.ZERO, Attributes.ZERO, KeyId.ZERO, MiscSelect.NONE,
            0)
        .write(memory().asSlice(DATA, Keyrequest.BYTES));
    var registers = host();
    registers.rdi = loaded.base() + DATA;
    registers.rsi = loaded.base() + DATA + 0x400;
    assertThat(eenter(loaded, 0, registers)).isEqualTo(Exited.INSTANCE);
    assertThat(registers.rdx).as("RAX").isEqualTo(status);
    return memory().asSlice(DATA + 0x400, 16).toArray(JAVA_BYTE);
  }

  @Test
  void egetkeyGivesTheSameKeyToTheSameEnclave() {
    // mov r8, rcx; rbx = KEYREQUEST, rcx = where to; egetkey; mov rdx, rax; mov rbx, r8; eexit
    SampleEnclave.Builder builder =
        SampleEnclave.of(
            c -> c.mov(R8, RCX).mov(RBX, RDI).mov(RCX, RSI).enclu(1).mov(RDX, RAX).mov(RBX, R8).enclu(4));
    Loaded first = load(builder);
    byte[] key = key(first, KeyName.SEAL_KEY.code(), 0);
    assertThat(key).isNotEqualTo(new byte[16]).isEqualTo(key(first, KeyName.SEAL_KEY.code(), 0));
    assertThat(key(first, 99, SgxError.SGX_INVALID_KEYNAME.code())).as("left alone").isEqualTo(key);
    assertThat(key(first, KeyName.PROVISION_KEY.code(), SgxError.SGX_INVALID_ATTRIBUTE.code())).isEqualTo(key);
    Loaded second = load(builder);
    assertThat(key(second, KeyName.SEAL_KEY.code(), 0)).as("another instance").isEqualTo(key);
  }
}
