package org.enclavisor.isa;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The manual's numbers, written down a second time: a number that is changed by mistake is noticed. */
class CodesTest {

  @Test
  void supervisorLeaves() {
    check(
        EnclsLeaf.values(), EnclsLeaf::code, EnclsLeaf::of,
        "ECREATE=0 EADD=1 EINIT=2 EREMOVE=3 EDBGRD=4 EDBGWR=5 EEXTEND=6 ELDB=7 ELDU=8 EBLOCK=9 EPA=10 EWB=11 ETRACK=12"
            + " EAUG=13 EMODPR=14 EMODT=15 ERDINFO=16 ETRACKC=17 ELDBC=18 ELDUC=19 EUPDATESVN=24");
  }

  @Test
  void userLeaves() {
    check(
        EncluLeaf.values(), EncluLeaf::code, EncluLeaf::of,
        "EREPORT=0 EGETKEY=1 EENTER=2 ERESUME=3 EEXIT=4 EACCEPT=5 EMODPE=6 EACCEPTCOPY=7 EVERIFYREPORT2=8 EDECCSSA=9");
  }

  @Test
  void hypervisorLeaves() {
    check(
        EnclvLeaf.values(), EnclvLeaf::code, EnclvLeaf::of, "EDECVIRTCHILD=0 EINCVIRTCHILD=1 ESETCONTEXT=2");
  }

  @Test
  void errors() {
    check(
        SgxError.values(), SgxError::code, SgxError::of,
        "SGX_SUCCESS=0 SGX_INVALID_SIG_STRUCT=1 SGX_INVALID_ATTRIBUTE=2 SGX_BLKSTATE=3 SGX_INVALID_MEASUREMENT=4"
            + " SGX_NOTBLOCKABLE=5 SGX_PG_INVLD=6 SGX_EPC_PAGE_CONFLICT=7 SGX_INVALID_SIGNATURE=8"
            + " SGX_MAC_COMPARE_FAIL=9 SGX_PAGE_NOT_BLOCKED=10 SGX_NOT_TRACKED=11 SGX_VA_SLOT_OCCUPIED=12"
            + " SGX_CHILD_PRESENT=13 SGX_ENCLAVE_ACT=14 SGX_ENTRYEPOCH_LOCKED=15 SGX_INVALID_EINITTOKEN=16"
            + " SGX_PREV_TRK_INCMPL=17 SGX_PG_IS_SECS=18 SGX_PAGE_ATTRIBUTES_MISMATCH=19 SGX_PAGE_NOT_MODIFIABLE=20"
            + " SGX_PAGE_NOT_DEBUGGABLE=21 SGX_INVALID_COUNTER=25 SGX_PG_NONEPC=26 SGX_TRACK_NOT_REQUIRED=27"
            + " SGX_INVALID_REPORTMACSTRUCT=28 SGX_INSUFFICIENT_ENTROPY=29 SGX_EPC_NOT_READY=30 SGX_NO_UPDATE=31"
            + " SGX_INVALID_CPUSVN=32 SGX_INVALID_ISVSVN=64 SGX_UNMASKED_EVENT=128 SGX_INVALID_KEYNAME=256");
  }

  @Test
  void pageTypes() {
    check(
        PageType.values(), PageType::code, PageType::of, "SECS=0 TCS=1 REG=2 VA=3 TRIM=4 SS_FIRST=5 SS_REST=6");
  }

  @Test
  void keyNames() {
    check(
        KeyName.values(), KeyName::code, KeyName::of,
        "EINITTOKEN_KEY=0 PROVISION_KEY=1 PROVISION_SEAL_KEY=2 REPORT_KEY=3 SEAL_KEY=4");
  }

  @Test
  void vectors() {
    check(
        Vector.values(), Vector::number, Vector::of,
        "DE=0 DB=1 NMI=2 BP=3 OF=4 BR=5 UD=6 NM=7 DF=8 TS=10 NP=11 SS=12 GP=13 PF=14 MF=16 AC=17 MC=18 XM=19 VE=20"
            + " CP=21 HV=28 VC=29 SX=30");
  }

  private static <E extends Enum<E>> void check(
      E[] values, ToIntFunction<E> code, IntFunction<Optional<E>> of, String expected) {
    assertThat(
            Arrays.stream(values).map(v -> v.name() + "=" + code.applyAsInt(v)).collect(Collectors.joining(" ")))
        .isEqualTo(expected);
    int found = 0;
    for (int i = -1; i <= 1000; i++) {
      Optional<E> value = of.apply(i);
      if (value.isPresent()) {
        assertThat(code.applyAsInt(value.get())).isEqualTo(i);
        found++;
      }
    }
    assertThat(found).isEqualTo(values.length);
    assertThat(of.apply(Integer.MIN_VALUE)).isEmpty();
    assertThat(of.apply(Integer.MAX_VALUE)).isEmpty();
  }
}
