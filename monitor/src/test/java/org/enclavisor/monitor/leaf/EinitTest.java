package org.enclavisor.monitor.leaf;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.CpuSvn;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Einittoken;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.KeyId;
import org.enclavisor.isa.Mac16;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.isa.SigstructBody;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.TestEnclaves;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.SecsPage;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EinitTest {
  private static final long SIGSTRUCT_AT = 0x10000;
  private static final long TOKEN_AT = 0x12000;
  private static final Digest32 SIGNER = Sigstruct.mrSigner(TestEnclaves.KEY.getModulus());
  private static final Digest32 LAUNCHER = Digest32.ofHex("77".repeat(32));
  private static final CpuSvn LATER = CpuSvn.ofHex("06000000000000000000000000000000");
  private static final CpuSvn CPUSVN = CpuSvn.ofHex("05000000000000000000000000000000");

  /** EINIT of an empty enclave, without a token. What is signed can be replaced until execution. */
  private static class Scene extends LeafScene {
    SecsPage page;
    SigstructBody body;
    Digest32 launchKeyHash = SIGNER;
    final byte[] token = new byte[Einittoken.BYTES];
    final byte[] flips = new byte[Sigstruct.BYTES];
    boolean sigstructMapped = true;
    boolean tokenMapped = true;

    Scene() {
      this(Attributes.MODE64BIT);
    }

    Scene(long flags) {
      Secs secs = Secs.of(TestEnclaves.SIZE, 1, new MiscSelect(1), new Attributes(flags, 7));
      page = create(secs);
      body =
          SigstructBody.of(
              0x20260101,
              page.measurement().mrEnclave(),
              secs.miscSelect(),
              new MiscSelect(-1),
              secs.attributes(),
              new Attributes(-1, -1),
              5,
              6);
      rbx = SIGSTRUCT_AT;
      rcx = page.address();
      rdx = TOKEN_AT;
    }

    /** Changes the SIGSTRUCT after signing. */
    void flip(int at) {
      flips[at] ^= 1;
    }

    void replace(
        Digest32 hash, MiscSelect misc, Attributes attributes, Attributes mask, Id16 familyId) {
      body =
          SigstructBody.of(0x20260101, hash, misc, new MiscSelect(-1), attributes, mask, 5, 6)
              .withKss(familyId, Id16.ZERO);
    }

    void replace(Digest32 hash, MiscSelect misc, Attributes attributes) {
      replace(hash, misc, attributes, new Attributes(-1, -1), Id16.ZERO);
    }

    Outcome execute() {
      // Signing takes a while: the same body is signed once.
      byte[] sigstruct = Signed.of(body).clone();
      for (int i = 0; i < sigstruct.length; i++) {
        sigstruct[i] ^= flips[i];
      }
      if (sigstructMapped) {
        operands.map(SIGSTRUCT_AT, MemorySegment.ofArray(sigstruct));
      }
      if (tokenMapped) {
        operands.map(TOKEN_AT, MemorySegment.ofArray(token));
      }
      return Einit.execute(cpu, epc, operands, rbx, rcx, rdx, launchKeyHash);
    }
  }

  private static final class Signed {
    private static final Map<SigstructBody, byte[]> CACHE = new HashMap<>();

    static byte[] of(SigstructBody body) {
      return CACHE.computeIfAbsent(body, b -> TestEnclaves.sign(b).toBytes());
    }
  }

  /** EINIT with a valid token by the launch enclave in IA32_SGXLEPUBKEYHASH. */
  private static final class TokenScene extends Scene {
    Einittoken value;

    TokenScene() {
      launchKeyHash = LAUNCHER;
      value =
          new Einittoken(
              true,
              page.attributes(),
              page.measurement().mrEnclave(),
              SIGNER,
              CPUSVN,
              1,
              2,
              0,
              MiscSelect.NONE,
              new Attributes(Attributes.MODE64BIT, 3),
              KeyId.ofHex("33".repeat(32)),
              Mac16.ZERO);
    }

    void token(Attributes attributes, Digest32 mrEnclave, Digest32 mrSigner, CpuSvn svn, Attributes masked) {
      value =
          new Einittoken(
              true,
              attributes,
              mrEnclave,
              mrSigner,
              svn,
              1,
              2,
              0,
              MiscSelect.NONE,
              masked,
              value.keyId(),
              Mac16.ZERO);
    }

    @Override
    Outcome execute() {
      Einittoken signed = value.withMac(cpu.keys().launchKey(value, LAUNCHER));
      byte[] bytes = signed.toBytes();
      for (int i = 0; i < bytes.length; i++) {
        token[i] ^= bytes[i];
      }
      return super.execute();
    }
  }

  private static <S extends Scene> Checks<S> common(Checks<S> checks) {
    return checks
        .gp("rbx", "SIGSTRUCT alignment", s -> s.rbx += 256, "SIGSTRUCT at")
        .gp("rcx", "SECS alignment", s -> s.rcx += 256, "SECS at")
        .gp("rdx", "EINITTOKEN alignment", s -> s.rdx += 256, "EINITTOKEN at")
        .pf("rcx", "SECS not EPC", s -> s.rcx = 1L << 40, LeafScene.EPC_PF, s -> s.rcx, "not in the EPC")
        .pf("sigstruct map", "SIGSTRUCT mapped", s -> s.sigstructMapped = false, 0, s -> s.rbx, "SIGSTRUCT")
        .pf("token map", "EINITTOKEN mapped", s -> s.tokenMapped = false, 0, s -> s.rdx, "EINITTOKEN")
        .error("signed", "HEADER", s -> s.flip(0), SgxError.SGX_INVALID_SIG_STRUCT, "header")
        .error("signed", "HEADER2", s -> s.flip(24), SgxError.SGX_INVALID_SIG_STRUCT, "header2")
        .error("signed", "reserved 44", s -> s.flip(44), SgxError.SGX_INVALID_SIG_STRUCT, "reserved")
        .error("signed", "reserved 910", s -> s.flip(910), SgxError.SGX_INVALID_SIG_STRUCT, "reserved")
        .error("signed", "reserved 992", s -> s.flip(992), SgxError.SGX_INVALID_SIG_STRUCT, "reserved")
        .error("signed", "reserved 1028", s -> s.flip(1028), SgxError.SGX_INVALID_SIG_STRUCT, "reserved")
        .error("signed", "CET attributes", s -> s.flip(908), SgxError.SGX_INVALID_SIG_STRUCT, "CET")
        .error("signed", "CET mask", s -> s.flip(909), SgxError.SGX_INVALID_SIG_STRUCT, "CET")
        .error("signed", "VENDOR", s -> s.flip(16), SgxError.SGX_INVALID_SIG_STRUCT, "VENDOR")
        .error("signed", "EXPONENT", s -> s.flip(512), SgxError.SGX_INVALID_SIG_STRUCT, "EXPONENT")
        .error("signed", "DATE", s -> s.flip(20), SgxError.SGX_INVALID_SIGNATURE, "SIGNATURE")
        .error("signed", "SWDEFINED", s -> s.flip(40), SgxError.SGX_INVALID_SIGNATURE, "SIGNATURE")
        .error("signed", "ISVSVN", s -> s.flip(1026), SgxError.SGX_INVALID_SIGNATURE, "SIGNATURE")
        .error("signed", "signature", s -> s.flip(516), SgxError.SGX_INVALID_SIGNATURE, "SIGSTRUCT.Q")
        .error("signed", "q1", s -> s.flip(1040), SgxError.SGX_INVALID_SIGNATURE, "Q1")
        .error("signed", "q2", s -> s.flip(1424), SgxError.SGX_INVALID_SIGNATURE, "Q2")
        .pf(
            "rcx",
            "not a SECS",
            s -> s.rcx = Epc.address(s.page.elrange().firstFrame()),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "is not a SECS")
        .pf(
            "rcx",
            "SECS not valid",
            s -> s.rcx = s.epc.reserve().address(),
            LeafScene.EPC_PF,
            s -> s.rcx,
            "is not a SECS")
        .error(
            "body",
            "ISVFAMILYID without KSS",
            s -> s.body = s.body.withKss(Id16.ofHex("01".repeat(16)), Id16.ZERO),
            SgxError.SGX_INVALID_SIG_STRUCT,
            "ISVFAMILYID")
        .gp(
            "state",
            "initialised",
            s -> s.page.initialise(s.page.secs(), s.page.isvFamilyId(), s.page.isvExtProdId()),
            "initialised already")
        .error(
            "body",
            "MRENCLAVE",
            s -> s.replace(Digest32.ZERO, s.body.miscSelect(), s.body.attributes()),
            SgxError.SGX_INVALID_MEASUREMENT,
            "ENCLAVEHASH")
        .error(
            "body",
            "ATTRIBUTES under mask",
            s -> s.replace(s.body.enclaveHash(), s.body.miscSelect(), s.body.attributes().with(2)),
            SgxError.SGX_INVALID_ATTRIBUTE,
            "SECS.ATTRIBUTES")
        .error(
            "body",
            "XFRM under mask",
            s -> s.replace(s.body.enclaveHash(), s.body.miscSelect(), new Attributes(4, 3)),
            SgxError.SGX_INVALID_ATTRIBUTE,
            "SECS.ATTRIBUTES")
        .error(
            "body",
            "MISCSELECT under mask",
            s -> s.replace(s.body.enclaveHash(), MiscSelect.NONE, s.body.attributes()),
            SgxError.SGX_INVALID_ATTRIBUTE,
            "SECS.MISCSELECT");
  }

  @TestFactory
  Stream<DynamicTest> checksWithoutToken() {
    return common(new Checks<>(Scene::new, Scene::execute))
        .error(
            "launch",
            "signer not in IA32_SGXLEPUBKEYHASH",
            s -> s.launchKeyHash = LAUNCHER,
            SgxError.SGX_INVALID_EINITTOKEN,
            "no EINITTOKEN")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> checksWithToken() {
    Attributes production = new Attributes(Attributes.MODE64BIT, 3);
    return common(new Checks<>(TokenScene::new, Scene::execute))
        .error(
            "token",
            "debug launcher",
            s -> s.token(s.page.attributes(), s.value.mrEnclave(), SIGNER, CPUSVN, production.with(Attributes.DEBUG)),
            SgxError.SGX_INVALID_EINITTOKEN,
            "debug launch enclave")
        .error("token bytes", "reserved bytes", s -> s.token[4] ^= 1, SgxError.SGX_INVALID_EINITTOKEN, "reserved")
        .error("token bytes", "reserved bits of VALID", s -> s.token[0] ^= 2, SgxError.SGX_INVALID_EINITTOKEN, "valid")
        .error("token bytes", "CET fields", s -> s.token[212] ^= 1, SgxError.SGX_INVALID_EINITTOKEN, "CET")
        .error(
            "token",
            "CPUSVN",
            s -> s.token(s.page.attributes(), s.value.mrEnclave(), SIGNER, LATER, production),
            SgxError.SGX_INVALID_CPUSVN,
            "CPUSVNLE")
        .error("token bytes", "MAC", s -> s.token[288] ^= 1, SgxError.SGX_INVALID_EINITTOKEN, "MAC")
        .error(
            "token",
            "MRENCLAVE",
            s -> s.token(s.page.attributes(), Digest32.ZERO, SIGNER, CPUSVN, production),
            SgxError.SGX_INVALID_MEASUREMENT,
            "EINITTOKEN is for")
        .error(
            "token",
            "MRSIGNER",
            s -> s.token(s.page.attributes(), s.value.mrEnclave(), LAUNCHER, CPUSVN, production),
            SgxError.SGX_INVALID_MEASUREMENT,
            "EINITTOKEN is for")
        .error(
            "token",
            "ATTRIBUTES",
            s -> s.token(s.page.attributes().with(Attributes.DEBUG), s.value.mrEnclave(), SIGNER, CPUSVN, production),
            SgxError.SGX_INVALID_ATTRIBUTE,
            "EINITTOKEN.ATTRIBUTES")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> controlledAttributes() {
    return new Checks<>(() -> new Scene(Attributes.MODE64BIT | Attributes.EINITTOKENKEY), Scene::execute)
        .error(
            "launch",
            "EINITTOKENKEY of another signer",
            s -> s.launchKeyHash = LAUNCHER,
            SgxError.SGX_INVALID_ATTRIBUTE,
            "EINITTOKENKEY")
        .tests();
  }

  @Test
  void commitsTheIdentity() {
    Scene s = new Scene(Attributes.MODE64BIT | Attributes.KSS);
    Id16 family = Id16.ofHex("ab".repeat(16));
    Id16 product = Id16.ofHex("cd".repeat(16));
    s.body = s.body.withKss(family, product);
    Digest32 mrEnclave = s.page.measurement().mrEnclave();
    assertThat(s.execute().ok()).isTrue();
    Secs secs = s.page.secs();
    assertThat(s.page.initialised()).isTrue();
    assertThat(secs.attributes().has(Attributes.INIT)).isTrue();
    assertThat(secs.mrEnclave()).isEqualTo(mrEnclave);
    assertThat(secs.mrSigner()).isEqualTo(SIGNER);
    assertThat(secs.isvProdId()).isEqualTo(5);
    assertThat(secs.isvSvn()).isEqualTo(6);
    assertThat(s.page.isvFamilyId()).isEqualTo(family);
    assertThat(s.page.isvExtProdId()).isEqualTo(product);
  }

  @Test
  void maskedAttributesAreTheHosts() {
    Scene s = new Scene(Attributes.MODE64BIT | Attributes.DEBUG);
    s.replace(
        s.body.enclaveHash(),
        s.body.miscSelect(),
        new Attributes(Attributes.MODE64BIT, 3),
        new Attributes(~Attributes.DEBUG, 3),
        Id16.ZERO);
    assertThat(s.execute().ok()).isTrue();
  }

  @Test
  void debugLauncherMayStartDebugEnclaves() {
    TokenScene s = new TokenScene();
    s.page = s.create(
        LeafScene.secs(new MiscSelect(1)).withAttributes(new Attributes(Attributes.MODE64BIT | Attributes.DEBUG, 7)));
    s.rcx = s.page.address();
    s.replace(
        s.page.measurement().mrEnclave(),
        s.page.miscSelect(),
        s.page.attributes(),
        new Attributes(-1, -1),
        Id16.ZERO);
    s.token(
        s.page.attributes(),
        s.page.measurement().mrEnclave(),
        SIGNER,
        CPUSVN,
        new Attributes(Attributes.MODE64BIT | Attributes.DEBUG, 3));
    assertThat(s.execute().ok()).isTrue();
  }
}
