package org.enclavisor.conformance.rules;

import java.util.List;
import java.util.function.UnaryOperator;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Rule;
import org.enclavisor.conformance.Rule.Kind;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.isa.Attributes;
import org.enclavisor.isa.Digest32;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.MiscSelect;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.SigstructBody;
import org.jspecify.annotations.Nullable;

/** EINIT (SDM 3D, “EINIT—Initialize an Enclave for Execution”). */
final class EinitRules {
  private static final Expect SIG = Expect.zf(SgxError.SGX_INVALID_SIG_STRUCT);
  private static final Expect SIGNATURE = Expect.zf(SgxError.SGX_INVALID_SIGNATURE);
  private static final Expect ATTRIBUTE = Expect.zf(SgxError.SGX_INVALID_ATTRIBUTE);
  private static final Expect TOKEN = Expect.zf(SgxError.SGX_INVALID_EINITTOKEN);
  private static final int TOKEN_RESERVED = 4;
  private static final int TOKEN_MASKED_ATTRIBUTES = 240;

  private EinitRules() {}

  private static Call call(Scene scene) {
    return call(scene, new Spec().building());
  }

  private static Call call(Scene scene, Spec spec) {
    Enclave enclave = new Building(scene, spec).build();
    Call call = Call.encls(scene, 2, enclave);
    call.rbx = scene.memory.sigstruct;
    call.rcx = enclave.secs;
    call.rdx = scene.memory.token;
    call.source = Building.sign(spec, enclave).toBytes();
    call.token = new byte[512];
    call.last(c -> {
      scene.writeIfMapped(c.rbx, c.source);
      scene.writeIfMapped(c.rdx, c.token);
    });
    return call;
  }

  private static Call resigned(Call call, UnaryOperator<SigstructBody> change) {
    call.source = Signers.sign(change.apply(Building.body(new Spec(), call.enclave))).toBytes();
    return call;
  }

  private static SigstructBody with(
      SigstructBody b, MiscSelect misc, MiscSelect miscMask, Attributes attributes, Attributes mask, Digest32 hash) {
    return new SigstructBody(
        b.vendor(), b.date(), b.swDefined(), misc, miscMask, b.cetAttributes(), b.cetAttributesMask(),
        b.isvFamilyId(), attributes, mask, hash, b.isvExtProdId(), b.isvProdId(), b.isvSvn());
  }

  private static @Nullable String fixed(Features features) {
    return features.launchKeyHashFixed() ? null : "every signer is authorised on this machine";
  }

  static List<Rule> all() {
    return LeafTable.of("EINIT", EinitRules::call)
        .spoil("RBX-misaligned", Expect.gp(), "rbx", "SIGSTRUCT is aligned to 4096 bytes.", c -> c.rbx += 512)
        .spoil("RCX-misaligned", Expect.gp(), "rcx-low", "The SECS is aligned to 4096 bytes.",
            c -> c.low(x -> x.rcx += 64))
        .spoil("RDX-misaligned", Expect.gp(), "rdx", "EINITTOKEN is aligned to 512 bytes.", c -> c.rdx += 256)
        .spoil("RCX-not-EPC", Expect.pfRcx(), "rcx", "The SECS is in the EPC.", c -> c.rcx = Scene.NOWHERE)
        .spoil("RBX-not-mapped", Expect.notMapped("RBX", c -> c.rbx), "rbx sig", "SIGSTRUCT can be read.",
            c -> c.rbx = Scene.NOWHERE)
        .spoil("RDX-not-mapped", Expect.notMapped("RDX", c -> c.rdx), "rdx token", "EINITTOKEN can be read.",
            c -> c.rdx = Scene.NOWHERE)
        .spoil("HEADER", SIG, "sig", "SIGSTRUCT.HEADER is the constant.", c -> c.source[1] = 1)
        .spoil("VENDOR", SIG, "sig", "SIGSTRUCT.VENDOR is 0 or 8086H.", c -> c.source[16] = 1)
        .spoil("HEADER2", SIG, "sig", "SIGSTRUCT.HEADER2 is the constant.", c -> c.source[24] ^= 1)
        .spoil("EXPONENT", SIG, "sig", "SIGSTRUCT.EXPONENT is 3.", c -> c.source[512] = 5)
        .spoil("SIGSTRUCT-reserved-44", SIG, "sig", "SIGSTRUCT bytes 44 to 127 are zero.", c -> c.source[50] = 1)
        .spoil("SIGSTRUCT-reserved-992", SIG, "sig", "SIGSTRUCT bytes 992 to 1007 are zero.",
            c -> c.source[1000] = 1)
        .spoil("SIGSTRUCT-reserved-1028", SIG, "sig", "SIGSTRUCT bytes 1028 to 1039 are zero.",
            c -> c.source[1030] = 1)
        .spoil("SIGNATURE-bit", SIGNATURE, "sig", "The signature is the key's over the signed bytes.",
            c -> c.source[600] ^= 1)
        .spoil("MODULUS-bit", SIGNATURE, "sig", "The modulus is the key's.", c -> c.source[200] ^= 1)
        .spoil("Q1-bit", SIGNATURE, "sig", "Q1 is the first quotient.", c -> c.source[1050] ^= 1)
        .spoil("Q2-bit", SIGNATURE, "sig", "Q2 is the second quotient.", c -> c.source[1500] ^= 1)
        .spoil("signed-byte-changed", SIGNATURE, "sig", "What is signed is not changed.", c -> c.source[1026] ^= 1)
        .never("interrupt-pending-SGX_UNMASKED_EVENT", Kind.PRECONDITION,
            "EINIT gives way to an interrupt that is pending.",
            "the leaf is not interrupted; software may report no event")
        .conflict("SECS-in-use", Expect.gp(), "rcx", "No other leaf has the SECS to itself.", Hold.EXCLUSIVE,
            c -> c.rcx)
        .spoil("RCX-not-a-SECS", Expect.pfRcx(), "rcx", "RCX is a PT_SECS page.",
            c -> c.first(x -> x.rcx = x.scene.versionArray()))
        .spoil("RCX-not-valid", Expect.pfRcx(), "rcx", "RCX is valid.", c -> c.rcx = c.scene.loosePage())
        .spoil("ISVFAMILYID-without-KSS", SIG, "sig state", "ISVFAMILYID is zero without KSS.",
            c -> resigned(c, body -> body.withKss(Id16.of(new byte[] {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
                Id16.ZERO)))
        .conflict("SECS-measuring", Expect.gp(), "rcx", "No EADD, EEXTEND or EINIT is at work on the SECS.",
            Hold.MEASURE, c -> c.rcx)
        .spoil("initialised", Expect.gp(), "state", "The enclave is not initialised.", c -> c.first(
            x -> Scene.done("EINIT", Building.einit(x.scene, x.enclave, Building.sign(new Spec(), x.enclave)))))
        .spoil("ENCLAVEHASH", Expect.zf(SgxError.SGX_INVALID_MEASUREMENT), "sig state rbx",
            "SIGSTRUCT.ENCLAVEHASH is the enclave's measurement.", c -> c.first(x -> Scene.done("EEXTEND",
                x.scene.machine.encls(6, x.enclave.secs, x.enclave.page(Enclave.DATA), 0))))
        .spoil("ATTRIBUTES-masked", ATTRIBUTE, "sig", "Masked ATTRIBUTES are the signed ones.",
            c -> resigned(c, b -> with(b, b.miscSelect(), b.miscMask(),
                b.attributes().with(Attributes.DEBUG), new Attributes(-1, -1), b.enclaveHash())))
        .spoil("XFRM-masked", ATTRIBUTE, "sig", "Masked XFRM is the signed one.",
            c -> resigned(c, b -> with(b, b.miscSelect(), b.miscMask(),
                new Attributes(b.attributes().flags(), 7), b.attributeMask(), b.enclaveHash())))
        .spoil("MISCSELECT-masked", ATTRIBUTE, "sig", "Masked MISCSELECT is the signed one.",
            c -> resigned(c, b -> with(b, new MiscSelect(1), b.miscMask(), b.attributes(), b.attributeMask(),
                b.enclaveHash())))
        .spoil("no-token-other-signer", TOKEN, "sig", "Without a token the signer is the one in IA32_SGXLEPUBKEYHASH.",
            EinitRules::fixed,
            c -> c.source = Signers.signOtherwise(Building.body(new Spec(), c.enclave)).toBytes())
        .spoil("token-of-debug-launcher", TOKEN, "token", "A debug launch enclave launches debug enclaves only.", c -> {
          c.token[0] = 1;
          c.token[TOKEN_MASKED_ATTRIBUTES] = 2;
        })
        .spoil("token-reserved", TOKEN, "token", "The token's reserved bytes are zero.", c -> {
          c.token[0] = 1;
          c.token[TOKEN_RESERVED] = 1;
        })
        .spoil("token-MAC", TOKEN, "token", "The token's MAC is one of this machine's launch key.",
            c -> c.token[0] = 1)
        .effect("EINITTOKENKEY-other-signer", "EINITTOKEN_KEY is for the signer in IA32_SGXLEPUBKEYHASH.",
            EinitRules::fixed, scene -> {
              Spec spec = new Spec().with(Attributes.EINITTOKENKEY).building();
              Call call = call(scene, spec);
              call.source = Signers.signOtherwise(Building.body(spec, call.enclave)).toBytes();
              require(call, ATTRIBUTE);
            })
        .effect("mask-lets-differ", "Attributes that are not masked may differ from the signed ones.", scene -> {
          Spec spec = new Spec().debug().building();
          Call call = call(scene, spec);
          resigned(call, body -> body);
          require(call, Expect.ok());
        })
        .effect("INIT", "The enclave can be entered, and not be added to.", scene -> {
          Call call = call(scene);
          require(call, Expect.ok());
          LeafResult result = scene.eadd(call.enclave, Enclave.FREE, Building.RW, new byte[0]);
          Scene.require(result instanceof LeafResult.Fault f && f.vector() == 13, "EADD: " + result);
          call.enclave.enter(0);
        })
        .effect("not-entered-before", "An enclave that is not initialised cannot be entered.", scene -> {
          Call call = call(scene);
          var event = scene.cpu(0).enter(
              2, call.enclave.at(Enclave.TCS), Scene.AEP, call.enclave.block(0), Scene.host(call.enclave, 0));
          Scene.require(
              event instanceof LogicalProcessor.Refused r && r.fault().vector() == 13,
              "found " + event);
        })
        .effect("refused-leaves-building", "After an error the enclave can still be initialised.", scene -> {
          Call call = call(scene);
          byte[] good = call.source.clone();
          call.source[600] ^= 1;
          require(call, SIGNATURE);
          call.source = good;
          require(call, Expect.ok());
        })
        .rules(Expect.ok());
  }

  static void require(Call call, Expect expect) {
    String wrong = expect.check().wrong(call, call.perform());
    if (wrong != null) {
      throw new Rule.Broken("expected " + expect.name() + ": " + wrong);
    }
  }
}
