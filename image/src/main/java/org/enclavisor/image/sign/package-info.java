/**
 * Signs enclaves, as the Intel SDK's {@code sgx_sign} does and from the same configuration.
 *
 * <p>{@link org.enclavisor.image.sign.SigningConfig} reads the XML file. {@link
 * org.enclavisor.image.sign.EnclaveSigner} lays out memory, writes metadata, measures, and signs in one step; or in
 * two, of which the first makes the 256 bytes that have to be signed and never sees a key, and the second puts a
 * signature that was made elsewhere in its place. {@link org.enclavisor.image.sign.PemKeys} reads keys. What comes
 * out is byte for byte what {@code sgx_sign} of SDK 2.26 writes for the same input, key and date.
 *
 * <p>Source: the SDK's {@code sdk/sign_tool/SignTool}. No state; any thread.
 */
@org.jspecify.annotations.NullMarked
package org.enclavisor.image.sign;
