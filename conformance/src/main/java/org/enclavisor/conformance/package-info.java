/**
 * Whether something is SGX. {@link org.enclavisor.conformance.SgxMachine} is what an implementer writes;
 * {@link org.enclavisor.conformance.ConformanceSuite} runs the rules, one for each sentence of the manual's leaves, and
 * {@link org.enclavisor.conformance.campaign.Campaign} random sequences of leaves against a model.
 *
 * <p>ENCLS and ENCLV are executed through the machine; the leaves of ENCLU by real enclave code, the
 * {@link org.enclavisor.conformance.probe probe}, which the suite adds to its enclaves page by page like anybody else.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.conformance;
