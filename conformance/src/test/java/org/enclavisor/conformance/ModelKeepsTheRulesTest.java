package org.enclavisor.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.stream.Stream;
import org.enclavisor.conformance.SgxMachine.Hold;
import org.enclavisor.conformance.model.ModelMachine;
import org.enclavisor.conformance.rules.Scene;
import org.enclavisor.conformance.rules.Signers;
import org.enclavisor.isa.Attributes;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The rules were written from the manual, and so was the model, by itself: they have to agree. */
class ModelKeepsTheRulesTest {

  static ModelMachine machine() {
    int capabilities =
        1 | Features.SGX2 | Features.ENCLV | Features.OVERSUBSCRIPTION | Features.EUPDATESVN | Features.EDECCSSA;
    long attributes =
        Attributes.DEBUG | Attributes.MODE64BIT | Attributes.PROVISIONKEY | Attributes.EINITTOKENKEY | Attributes.KSS;
    var features =
        new Features(capabilities, 1, 41, attributes, 7, false, EnumSet.allOf(Hold.class), true, false, false);
    var machine = new ModelMachine(features, xfrm -> (xfrm & 4) != 0 ? 832 : 576);
    machine.launchKeyHash(Signers.authorised());
    return machine;
  }

  @TestFactory
  Stream<DynamicTest> rules() {
    var machine = machine();
    var stage = new Scene.Stage(machine);
    return ConformanceSuite.rules().stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.name(),
                    () ->
                        assertThat(ConformanceSuite.run(stage, machine, rule))
                            .as(rule.says())
                            .matches(
                                verdict ->
                                    verdict.outcome() != Results.Outcome.FAILED && machine.validPages() == 0)));
  }
}
