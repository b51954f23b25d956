package org.enclavisor.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.EncluLeaf;
import org.enclavisor.isa.Permissions;
import org.enclavisor.isa.Secinfo;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.Vector;
import org.enclavisor.monitor.spi.Exit;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.spi.Registers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LifeCycleTest {
  private final ScriptedPlatform platform = new ScriptedPlatform();
  private final List<String> asked = new ArrayList<>();
  private volatile boolean closedByLedger;

  private final EntryGate gate =
      EntryGate.LOCAL.and(
          (presented, current, state) -> {
            asked.add(presented.toString());
            return closedByLedger ? "moved away" : null;
          });

  private final Monitor monitor = new Monitor(platform, MonitorConfig.defaults(), gate);

  @AfterEach
  void close() {
    monitor.close();
  }

  private static Exit exit(Registers r) {
    r.rax = EncluLeaf.EEXIT.code();
    r.rbx = r.rcx;
    return Exit.Enclu.INSTANCE;
  }

  private EnterOutcome enter(EnclaveId id, long base, EncluLeaf leaf) {
    return monitor.enter(id, new EnterCall(leaf, base + TestEnclaves.TCS_OFFSET, 0x9000), new Registers());
  }

  private static String reason(EnterOutcome outcome) {
    assertThat(outcome).isInstanceOf(EnterOutcome.Refused.class);
    Outcome.Fault fault = ((EnterOutcome.Refused) outcome).fault();
    assertThat(fault.vector()).isEqualTo(Vector.GP);
    return fault.reason();
  }

  @Test
  void forwardOnly() {
    for (EnclaveState from : EnclaveState.values()) {
      for (EnclaveState to : EnclaveState.values()) {
        assertThat(LifeCycle.allowed(from, to))
            .as("%s to %s", from, to)
            .isEqualTo(
                to.ordinal() > from.ordinal() && !(from == EnclaveState.CREATING && to == EnclaveState.STOPPED));
      }
    }
    LifeCycle life = new LifeCycle();
    assertThat(life.advance(EnclaveState.DESTROYED)).isEqualTo(EnclaveState.CREATING);
    assertThat(life.advance(EnclaveState.INITIALISED)).isEqualTo(EnclaveState.DESTROYED);
    assertThat(life.state()).isEqualTo(EnclaveState.DESTROYED);
    assertThat(life.reborn()).isFalse();
    LifeCycle another = new LifeCycle();
    another.advance(EnclaveState.INITIALISED);
    assertThat(another.reborn()).isFalse();
    another.advance(EnclaveState.STOPPED);
    assertThat(another.reborn()).isTrue();
    assertThat(another.state()).isEqualTo(EnclaveState.INITIALISED);
  }

  @Test
  void nobodyEntersBeforeEinit() {
    CreateOutcome.Created created = (CreateOutcome.Created) monitor.create(TestEnclaves.secs(), 0, 1);
    TestEnclaves.addAll(monitor, created.id());
    assertThat(reason(enter(created.id(), created.base(), EncluLeaf.EENTER))).contains("not initialised");
    assertThat(asked).isEmpty();
    assertThat(monitor.state(created.id())).contains(EnclaveState.CREATING);
  }

  @Test
  void everyEntryPassesTheGate() {
    platform.script = (cpu, r, extended) -> r.rip % 4096 == 0x77 ? exit(r) : new Exit.Fault(6, 0, 0);
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    assertThat(enter(e.id(), e.base(), EncluLeaf.EENTER)).isInstanceOf(EnterOutcome.Faulted.class);
    platform.script = (cpu, r, extended) -> exit(r);
    assertThat(enter(e.id(), e.base(), EncluLeaf.ERESUME)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(asked).hasSize(2);
    closedByLedger = true;
    assertThat(reason(enter(e.id(), e.base(), EncluLeaf.EENTER))).isEqualTo("moved away");
    closedByLedger = false;
    assertThat(enter(e.id(), e.base(), EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
  }

  @Test
  void anotherGenerationIsTurnedAway() {
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    EnclaveId later = new EnclaveId(e.id().instance(), 2);
    assertThat(reason(enter(later, e.base(), EncluLeaf.EENTER))).contains("asked for was " + later);
    assertThat(monitor.remove(later).ok()).isFalse();
    assertThat(monitor.state(later)).isEmpty();
    assertThat(monitor.addZero(later, 0, 4096, Secinfo.reg(Permissions.R), false).ok()).isFalse();
    assertThat(monitor.state(e.id())).contains(EnclaveState.INITIALISED);
  }

  @Test
  void afterEinitNothingIsAdded() {
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    Outcome outcome = monitor.addZero(e.id(), 0xE000, 4096, Secinfo.reg(Permissions.RW), true);
    assertThat(outcome).isEqualTo(Outcome.gp("the enclave is initialised already"));
    Sigstruct again = TestEnclaves.sign(monitor.secs(e.id()).mrEnclave(), TestEnclaves.secs());
    assertThat(monitor.init(e.id(), again, Optional.empty()).reason()).contains("initialised already");
  }

  @Test
  void removedIsUnknown() {
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    MemorySegment shared = monitor.untrusted(e.id()).segment();
    assertThat(monitor.remove(e.id()).ok()).isTrue();
    assertThat(platform.last().closed).isTrue();
    assertThat(shared.scope().isAlive()).isFalse();
    assertThat(reason(enter(e.id(), e.base(), EncluLeaf.EENTER))).contains("no enclave");
    assertThat(monitor.remove(e.id()).ok()).isFalse();
    assertThatThrownBy(() -> monitor.untrusted(e.id())).isInstanceOf(IllegalArgumentException.class);
    assertThat(monitor.enclaves()).isZero();
  }

  @Test
  void numbersAreNeverGivenTwice() {
    CreateOutcome.Created first = TestEnclaves.load(monitor, TestEnclaves.secs());
    monitor.remove(first.id());
    CreateOutcome.Created second = TestEnclaves.load(monitor, TestEnclaves.secs());
    assertThat(second.id()).isNotEqualTo(first.id());
  }

  @Test
  void deathIsTheEndOfOneOnly() {
    CreateOutcome.Created victim = TestEnclaves.load(monitor, TestEnclaves.secs());
    ScriptedPlatform.Space space = platform.last();
    CreateOutcome.Created other = TestEnclaves.load(monitor, TestEnclaves.secs());
    platform.script = (cpu, r, extended) -> cpu.space == space ? new Exit.Death("signal 9") : exit(r);
    assertThat(enter(victim.id(), victim.base(), EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Dead("signal 9"));
    assertThat(enter(victim.id(), victim.base(), EncluLeaf.EENTER)).isEqualTo(new EnterOutcome.Dead("signal 9"));
    assertThat(monitor.state(victim.id())).contains(EnclaveState.DESTROYED);
    assertThat(monitor.deaths()).isEqualTo(1);
    assertThat(monitor.addZero(victim.id(), 0xE000, 4096, Secinfo.reg(Permissions.RW), true).reason())
        .contains("destroyed");
    assertThat(enter(other.id(), other.base(), EncluLeaf.EENTER)).isEqualTo(EnterOutcome.Exited.INSTANCE);
    assertThat(monitor.remove(victim.id()).ok()).isTrue();
    assertThat(monitor.enclaves()).isEqualTo(1);
  }

  @Test
  void aFailureBelowEndsTheEnclaveNotTheMonitor() {
    CreateOutcome.Created e = TestEnclaves.load(monitor, TestEnclaves.secs());
    platform.script =
        (cpu, r, extended) -> {
          throw new PlatformException("the test's");
        };
    assertThatThrownBy(() -> enter(e.id(), e.base(), EncluLeaf.EENTER)).isInstanceOf(PlatformException.class);
    assertThat(monitor.state(e.id())).contains(EnclaveState.DESTROYED);
    assertThat(monitor.remove(e.id()).ok()).isTrue();
  }

  @Test
  void anEnclaveWhosePermissionsCannotBeSetIsNotEntered() {
    Secs secs = TestEnclaves.secs();
    CreateOutcome.Created created = (CreateOutcome.Created) monitor.create(secs, 0, 1);
    TestEnclaves.addAll(monitor, created.id());
    platform.last().refuseProtect = true;
    Sigstruct sigstruct = TestEnclaves.sign(TestEnclaves.measure(secs).mrEnclave(), secs);
    assertThatThrownBy(() -> monitor.init(created.id(), sigstruct, Optional.empty()))
        .isInstanceOf(PlatformException.class);
    assertThat(enter(created.id(), created.base(), EncluLeaf.EENTER)).isInstanceOf(EnterOutcome.Dead.class);
  }

  @Test
  void launchControl() {
    Secs secs = TestEnclaves.secs();
    Sigstruct sigstruct = TestEnclaves.sign(TestEnclaves.measure(secs).mrEnclave(), secs);
    MonitorConfig locked = MonitorConfig.defaults().withLaunchKeyHash(Digest32.ZERO);
    try (Monitor other = new Monitor(platform, locked)) {
      CreateOutcome.Created created = (CreateOutcome.Created) other.create(secs, 0, 1);
      TestEnclaves.addAll(other, created.id());
      Outcome outcome = other.init(created.id(), sigstruct, Optional.empty());
      assertThat(((Outcome.Error) outcome).error()).isEqualTo(SgxError.SGX_INVALID_EINITTOKEN);
      assertThat(other.state(created.id())).contains(EnclaveState.CREATING);
    }
    MonitorConfig open = MonitorConfig.defaults().withLaunchKeyHash(sigstruct.mrSigner());
    try (Monitor other = new Monitor(platform, open)) {
      CreateOutcome.Created created = (CreateOutcome.Created) other.create(secs, 0, 1);
      TestEnclaves.addAll(other, created.id());
      assertThat(other.init(created.id(), sigstruct, Optional.empty()).ok()).isTrue();
    }
  }

  @Test
  void provisionkeyIsForHostsThatWereGrantedIt() {
    Secs secs = TestEnclaves.secs().withAttributes(TestEnclaves.ATTRIBUTES.with(Attributes.PROVISIONKEY));
    Sigstruct sigstruct = TestEnclaves.sign(TestEnclaves.measure(secs).mrEnclave(), secs);
    CreateOutcome.Created created = (CreateOutcome.Created) monitor.create(secs, 0, 1);
    TestEnclaves.addAll(monitor, created.id());
    Outcome outcome = monitor.init(created.id(), sigstruct, Optional.empty());
    assertThat(((Outcome.Error) outcome).error()).isEqualTo(SgxError.SGX_INVALID_ATTRIBUTE);
    try (Monitor granted = new Monitor(platform, MonitorConfig.defaults().withProvisioning(true))) {
      assertThat(TestEnclaves.load(granted, secs).base()).isPositive();
    }
  }

  @Test
  void refusedCreation() {
    assertThat(monitor.create(TestEnclaves.secs().withBaseAddr(0x1000), 0, 1))
        .isInstanceOf(CreateOutcome.Refused.class);
    assertThat(monitor.create(TestEnclaves.secs().withBaseAddr(-TestEnclaves.SIZE), 0, 1))
        .isInstanceOf(CreateOutcome.Refused.class);
    assertThat(platform.spaces).isEmpty();
    assertThatThrownBy(() -> monitor.create(TestEnclaves.secs(), 0, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> monitor.create(TestEnclaves.secs(), -1, 1)).isInstanceOf(IllegalArgumentException.class);
  }
}
