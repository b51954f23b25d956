/**
 * From Java values to the bytes that an enclave's generated code expects, and back.
 *
 * <p>{@link org.enclavisor.host.marshal.TypeTable} knows how large each C type is,
 * {@link org.enclavisor.host.marshal.MarshallingStruct} where each parameter lies in the structure whose address an
 * ECALL or OCALL hands over, and {@link org.enclavisor.host.marshal.ValueCodec} how a Java value is written and read.
 * {@link org.enclavisor.host.marshal.EcallFrame} and {@link org.enclavisor.host.marshal.OcallFrame} are one call each.
 *
 * <p>Everything that is read here may have been written by the enclave at that very moment: the structure is copied
 * once, addresses are checked against the shared memory, lengths before anything is allocated.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.host.marshal;
