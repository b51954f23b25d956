package org.enclavisor.image.sign;

import java.lang.foreign.MemorySegment;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Optional;

/**
 * What signing needs to know beside the configuration.
 *
 * @param date goes into the SIGSTRUCT; a fixed one makes signing reproducible
 * @param allowTextRelocations whether to sign an enclave whose code has relocations (its code pages become writable)
 * @param allowInitSection whether to sign an enclave with a section {@code .init}, whose code nobody will call
 * @param resign whether to replace metadata that is there already
 * @param fipsProvider the OpenSSL FIPS provider, a shared object, which EnableOSSLFIPS appends to the enclave
 */
public record SigningOptions(LocalDate date, boolean allowTextRelocations, boolean allowInitSection, boolean resign,
    Optional<MemorySegment> fipsProvider) {
  /** Without a FIPS provider. */
  public SigningOptions(LocalDate date, boolean allowTextRelocations, boolean allowInitSection, boolean resign) {
    this(date, allowTextRelocations, allowInitSection, resign, Optional.empty());
  }

  /** With the date of today in UTC, as {@code sgx_sign}; nothing else allowed. */
  public static SigningOptions today() {
    return on(LocalDate.now(ZoneOffset.UTC));
  }

  /** With a date of one's own; nothing else allowed. */
  public static SigningOptions on(LocalDate date) {
    return new SigningOptions(date, false, false, false);
  }

  /** The same, replacing metadata that is there already. */
  public SigningOptions resigning() {
    return new SigningOptions(date, allowTextRelocations, allowInitSection, true, fipsProvider);
  }

  /** The same with a FIPS provider. */
  public SigningOptions withFipsProvider(MemorySegment sharedObject) {
    return new SigningOptions(date, allowTextRelocations, allowInitSection, resign, Optional.of(sharedObject));
  }

  /** The date as SIGSTRUCT has it: BCD, 0xyyyymmdd. */
  int bcdDate() {
    int decimal = date.getYear() * 10_000 + date.getMonthValue() * 100 + date.getDayOfMonth();
    return Integer.parseUnsignedInt(Integer.toString(decimal), 16);
  }
}
