package org.enclavisor.image.sign;

import static org.enclavisor.image.sign.ConfigKey.*;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import org.enclavisor.image.MalformedImageException;

/**
 * What an enclave is to be signed with: the values of a {@code sgx_sign} configuration, checked against each other.
 * Immutable.
 */
public final class SigningConfig {
  /** The values that hold where nothing is said. */
  public static final SigningConfig DEFAULT = new SigningConfig(Map.of());

  private static final long PAGE = 4096;

  private final Map<ConfigKey, Long> values;

  private SigningConfig(Map<ConfigKey, Long> values) {
    this.values = values.isEmpty() ? Map.of() : Map.copyOf(values);
    check();
  }

  /**
   * From values.
   *
   * @throws MalformedImageException naming the key that is out of range or does not fit the others
   */
  public static SigningConfig of(Map<ConfigKey, Long> values) {
    values.forEach(SigningConfig::checkRange);
    return new SigningConfig(values);
  }

  /**
   * Reads a configuration file.
   *
   * @throws MalformedImageException naming the element that is wrong
   * @throws UncheckedIOException if the file cannot be read
   */
  public static SigningConfig read(Path file) {
    try {
      return parse(Files.readAllBytes(file), file.getFileName().toString());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  /**
   * Parses a configuration.
   *
   * @param name for error messages
   * @throws MalformedImageException naming the element that is wrong
   */
  public static SigningConfig parse(byte[] xml, String name) {
    Map<ConfigKey, Long> values = new EnumMap<>(ConfigKey.class);
    ConfigXml.read(new ByteArrayInputStream(xml), name, (element, text) -> {
      ConfigKey key = ConfigKey.of(element).orElseThrow(
          () -> new MalformedImageException(name + ": " + element, -1, "a key of sgx_sign", "an unknown one"));
      long value = number(name, element, text);
      if (values.put(key, value) != null) {
        throw new MalformedImageException(name + ": " + element, -1, "the element once", "it again");
      }
    });
    return of(values);
  }

  /** Decimal, or hexadecimal after 0x, or octal after 0, as C's strtoull reads it. */
  private static long number(String name, String element, String text) {
    String digits = text.strip();
    try {
      if (digits.startsWith("0x") || digits.startsWith("0X")) {
        return Long.parseUnsignedLong(digits, 2, digits.length(), 16);
      }
      return Long.parseUnsignedLong(digits, digits.startsWith("0") ? 8 : 10);
    } catch (NumberFormatException e) {
      throw new MalformedImageException(name + ": " + element, -1, "an unsigned number of 64 bits",
          "'" + (digits.length() > 40 ? digits.substring(0, 40) + "…" : digits) + "'");
    }
  }

  private static void checkRange(ConfigKey key, long value) {
    if (Long.compareUnsigned(value, key.least()) < 0 || Long.compareUnsigned(value, key.most()) > 0) {
      throw new MalformedImageException(key.element(), -1,
          "0x" + Long.toHexString(key.least()) + " to 0x" + Long.toHexString(key.most()),
          "0x" + Long.toHexString(value));
    }
  }

  /** A value, unsigned; the usual one where the configuration has none. */
  public long get(ConfigKey key) {
    return values.getOrDefault(key, key.usual());
  }

  /** Whether the configuration has the key at all. */
  public boolean has(ConfigKey key) {
    return values.containsKey(key);
  }

  /** HeapInitSize; without it, as much as HeapMaxSize. */
  public long heapInitSize() {
    return has(HEAP_INIT_SIZE) ? get(HEAP_INIT_SIZE) : get(HEAP_MAX_SIZE);
  }

  /** ReservedMemInitSize; without it, as much as ReservedMemMaxSize. */
  public long reservedInitSize() {
    return has(RESERVED_MEM_INIT_SIZE) ? get(RESERVED_MEM_INIT_SIZE) : get(RESERVED_MEM_MAX_SIZE);
  }

  /** TCSMaxNum; without it, as much as TCSNum. */
  public long tcsMaxNum() {
    return has(TCS_MAX_NUM) ? get(TCS_MAX_NUM) : get(TCS_NUM);
  }

  /** Threads that are kept ready beside the first. */
  public long readyThreads() {
    return Math.min(get(TCS_MIN_POOL), get(TCS_NUM) - 1);
  }

  private void check() {
    for (ConfigKey key : new ConfigKey[] {STACK_MAX_SIZE, STACK_MIN_SIZE, HEAP_MAX_SIZE, HEAP_MIN_SIZE,
        HEAP_INIT_SIZE, RESERVED_MEM_MAX_SIZE, RESERVED_MEM_MIN_SIZE, RESERVED_MEM_INIT_SIZE, USER_REGION_SIZE}) {
      require(get(key) % PAGE == 0, key, "a multiple of the page size 0x1000");
    }
    require(get(STACK_MIN_SIZE) <= get(STACK_MAX_SIZE), STACK_MIN_SIZE, "at most StackMaxSize");
    require(heapInitSize() <= get(HEAP_MAX_SIZE), HEAP_INIT_SIZE, "at most HeapMaxSize");
    require(get(HEAP_MIN_SIZE) <= heapInitSize(), HEAP_MIN_SIZE, "at most HeapInitSize and HeapMaxSize");
    require(reservedInitSize() <= get(RESERVED_MEM_MAX_SIZE), RESERVED_MEM_INIT_SIZE, "at most ReservedMemMaxSize");
    require(get(RESERVED_MEM_MIN_SIZE) <= reservedInitSize(), RESERVED_MEM_MIN_SIZE,
        "at most ReservedMemInitSize and ReservedMemMaxSize");
    require((get(HW) == 0) == (get(LAUNCH_KEY) == 0), LAUNCH_KEY, "1 where HW is not 0 (a launch enclave), else 0");
    require(tcsMaxNum() >= get(TCS_NUM), TCS_MAX_NUM, "at least TCSNum");
    require(!has(TCS_MIN_POOL) || get(TCS_MIN_POOL) <= tcsMaxNum(), TCS_MIN_POOL, "at most TCSMaxNum, or TCSNum");
    boolean kss = (get(ISV_EXT_PROD_ID_H) | get(ISV_EXT_PROD_ID_L) | get(ISV_FAMILY_ID_H)
        | get(ISV_FAMILY_ID_L)) != 0;
    require(!kss || get(ENABLE_KSS) == 1, ENABLE_KSS, "1, since ISVEXTPRODID or ISVFAMILYID is given");
    require(has(ELRANGE_SIZE) || !has(ENCLAVE_IMAGE_ADDRESS) && !has(ELRANGE_START_ADDRESS), ELRANGE_SIZE,
        "to be given together with EnclaveImageAddress or ELRangeStartAddress");
    require(get(USER_REGION_SIZE) == 0 || (get(MISC_SELECT) & get(MISC_MASK) & 1) == 1, MISC_SELECT,
        "bit 0 set, also in MiscMask, since UserRegionSize needs dynamic memory");
    // A SIGSTRUCT whose HEADER differs from the manual's constant is refused by every processor.
    require(get(RELEASE_TYPE) == 0, RELEASE_TYPE, "0: EINIT refuses the SIGSTRUCT that 1 would make");
    require(get(ENABLE_IPP_FIPS) == 0 || get(ENABLE_OSSL_FIPS) == 0, ENABLE_OSSL_FIPS, "0, since EnableIPPFIPS is 1");
  }

  private void require(boolean holds, ConfigKey key, String expected) {
    if (!holds) {
      throw new MalformedImageException(key.element(), -1, expected, "0x" + Long.toHexString(get(key)));
    }
  }

  /** Whether memory, stacks or threads may grow after EINIT. */
  boolean growsAfterInit() {
    return heapInitSize() != get(HEAP_MIN_SIZE) || heapInitSize() != get(HEAP_MAX_SIZE)
        || get(STACK_MAX_SIZE) != get(STACK_MIN_SIZE)
        || reservedInitSize() != get(RESERVED_MEM_MIN_SIZE) || reservedInitSize() != get(RESERVED_MEM_MAX_SIZE)
        || tcsMaxNum() != readyThreads() + 1;
  }

  /** Whether the enclave is to have metadata for platforms with dynamic memory ({@code check_config}). */
  boolean forDynamicMemory() {
    return get(USER_REGION_SIZE) > 0 || growsAfterInit() && (get(MISC_SELECT) & 1) == 1;
  }

  /** Whether it is to have metadata for platforms without. */
  boolean forStaticMemory() {
    return get(USER_REGION_SIZE) == 0 && (!forDynamicMemory() || (get(MISC_MASK) & 1) == 0);
  }
}
