package org.enclavisor.conformance.campaign;

/**
 * One step, in numbers of places rather than addresses, so that a list of steps means something on any fresh machine.
 *
 * @param cpu the logical processor, where one is needed
 * @param enclave which of the enclaves
 * @param page the page's number in the ELRANGE, or of a version array
 * @param variant flags, type, record of an eviction, template: what the operation takes
 * @param spoil what is wrong with the operands; 0: nothing
 */
public record Step(Op op, int cpu, int enclave, int page, int variant, int spoil) {
  @Override
  public String toString() {
    return "Step(" + op + ", " + cpu + ", " + enclave + ", " + page + ", " + variant + ", " + spoil + ")";
  }
}
