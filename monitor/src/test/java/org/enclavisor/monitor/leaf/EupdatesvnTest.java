package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.stream.Stream;
import org.enclavisor.isa.SgxError;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.epc.VersionArray;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EupdatesvnTest {
  private static final class Scene extends LeafScene {
    final PageCrypto crypto = new PageCrypto(new Random(3));

    Scene() {
      epc.reserve();
      rcx = epc.reserve().address();
    }

    Outcome execute() {
      return Eupdatesvn.execute(epc, crypto);
    }

    /** Null for the best that there is. */
    @Nullable Outcome refusal() {
      Outcome outcome = execute();
      return outcome instanceof Outcome.Error error && error.error() == SgxError.SGX_NO_UPDATE ? null : outcome;
    }
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return new Checks<>(Scene::new, Scene::refusal)
        .error(
            "", "conflict", s -> s.epc.resolve(s.rcx).tryExclusive(), SgxError.SGX_EPC_PAGE_CONFLICT, "another leaf")
        .error(
            "", "a version array", s -> s.epc.reserve().put(new VersionArray()), SgxError.SGX_EPC_NOT_READY,
            "valid pages")
        .tests();
  }

  @Test
  void theKeyIsNewAndTheCpusvnIsNot() {
    Scene s = new Scene();
    try (PageCrypto.Page page = s.crypto.page()) {
      page.header(0, 1, 2);
      page.encrypt(8);
      assertThat(Checks.describe(s.execute())).isEqualTo("SGX_NO_UPDATE, CF");
      assertThat(page.decrypt(8)).isFalse();
      page.encrypt(16);
      assertThat(page.decrypt(16)).isTrue();
    }
    assertThat(s.epc.resolve(s.rcx).tryExclusive()).as("lock given back").isTrue();
  }

  @Test
  void anEnclaveIsInTheWay() {
    PagingScene s = new PagingScene();
    assertThat(Checks.describe(Eupdatesvn.execute(s.epc, s.crypto))).isEqualTo("SGX_EPC_NOT_READY");
  }
}
