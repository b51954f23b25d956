package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.enclavisor.monitor.epc.TcsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EexitTest {
  private static EntryScene scene() {
    EntryScene s = new EntryScene();
    s.registers.rflags |= Entry.TF;
    s.eenter();
    s.registers.rbx = s.registers.rcx;
    return s;
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(EexitTest::scene, s -> Eexit.execute(s.tcs(), s.registers))
        .gp("rbx", "target canonical", s -> s.registers.rbx = 1L << 47, "target of EEXIT")
        .tests();
  }

  @Test
  void leavesTheEnclave() {
    EntryScene s = scene();
    s.registers.rax = 4;
    s.registers.rdi = 0xABC;
    s.registers.fsBase = 1;
    assertThat(s.registers.rflags & Entry.TF).isZero();
    long stay = s.tcs().departures;
    assertThat(Eexit.execute(s.tcs(), s.registers)).isNull();
    assertThat(s.registers.rip).isEqualTo(0x40_0003);
    assertThat(s.registers.rcx).isEqualTo(EntryScene.AEP);
    assertThat(s.registers.fsBase).isEqualTo(0xF5);
    assertThat(s.registers.gsBase).isEqualTo(0x65);
    assertThat(s.registers.rdi).as("what the enclave leaves in its registers is its own affair").isEqualTo(0xABC);
    assertThat(s.registers.rflags & Entry.TF).as("TF is the host's again").isNotZero();
    assertThat(s.tcs().state()).isEqualTo(TcsPage.INACTIVE);
    assertThat(s.tcs().departures).isEqualTo(stay + 1);
    assertThat(s.tcs().cssa).isZero();
  }

  @Test
  void aFaultKeepsTheThreadInside() {
    EntryScene s = scene();
    s.registers.rbx = 1L << 63;
    assertThat(Eexit.execute(s.tcs(), s.registers)).isNotNull();
    assertThat(s.tcs().state()).isEqualTo(TcsPage.ACTIVE);
  }
}
