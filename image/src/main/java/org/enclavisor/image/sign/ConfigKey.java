package org.enclavisor.image.sign;

import java.util.Arrays;
import java.util.Optional;

/**
 * The keys of a signing configuration, with the values that {@code sgx_sign} allows and takes by default
 * ({@code sign_tool.cpp}, {@code xml_parameter_t}).
 */
public enum ConfigKey {
  PROD_ID("ProdID", 0, 0xffff, 0),
  ISV_SVN("ISVSVN", 0, 0xffff, 0),
  RELEASE_TYPE("ReleaseType", 0, 1, 0),
  INTEL_SIGNED("IntelSigned", 0, 1, 0),
  PROVISION_KEY("ProvisionKey", 0, 1, 0),
  LAUNCH_KEY("LaunchKey", 0, 1, 0),
  DISABLE_DEBUG("DisableDebug", 0, 1, 0),
  HW("HW", 0, 0x10, 0),
  TCS_NUM("TCSNum", 1, 0xffff_ffffL, 1),
  TCS_MAX_NUM("TCSMaxNum", 1, 0xffff_ffffL, 1),
  TCS_MIN_POOL("TCSMinPool", 0, 0xffff_ffffL, 1),
  TCS_POLICY("TCSPolicy", 0, 1, 1),
  STACK_MAX_SIZE("StackMaxSize", 0x2000, Long.MAX_VALUE, 0x40000),
  STACK_MIN_SIZE("StackMinSize", 0x2000, Long.MAX_VALUE, 0x2000),
  HEAP_MAX_SIZE("HeapMaxSize", 0, Long.MAX_VALUE, 0x1000000),
  HEAP_MIN_SIZE("HeapMinSize", 0, Long.MAX_VALUE, 0x1000),
  HEAP_INIT_SIZE("HeapInitSize", 0, Long.MAX_VALUE, 0x1000),
  RESERVED_MEM_MAX_SIZE("ReservedMemMaxSize", 0, Long.MAX_VALUE, 0),
  RESERVED_MEM_MIN_SIZE("ReservedMemMinSize", 0, Long.MAX_VALUE, 0),
  RESERVED_MEM_INIT_SIZE("ReservedMemInitSize", 0, Long.MAX_VALUE, 0),
  RESERVED_MEM_EXECUTABLE("ReservedMemExecutable", 0, 1, 0),
  MISC_SELECT("MiscSelect", 0, 0xffff_ffffL, 0),
  MISC_MASK("MiscMask", 0, 0xffff_ffffL, 0xffff_ffffL),
  ENABLE_KSS("EnableKSS", 0, 1, 0),
  ISV_FAMILY_ID_H("ISVFAMILYID_H", 0, -1, 0),
  ISV_FAMILY_ID_L("ISVFAMILYID_L", 0, -1, 0),
  ISV_EXT_PROD_ID_H("ISVEXTPRODID_H", 0, -1, 0),
  ISV_EXT_PROD_ID_L("ISVEXTPRODID_L", 0, -1, 0),
  ENCLAVE_IMAGE_ADDRESS("EnclaveImageAddress", 0x1000, -1, 0),
  ELRANGE_START_ADDRESS("ELRangeStartAddress", 0, -1, 0),
  ELRANGE_SIZE("ELRangeSize", 0x1000, -1, 0),
  PKRU("PKRU", 0, 2, 0),
  AMX("AMX", 0, 2, 0),
  USER_REGION_SIZE("UserRegionSize", 0, Long.MAX_VALUE, 0),
  ENABLE_AEX_NOTIFY("EnableAEXNotify", 0, 1, 0),
  ENABLE_IPP_FIPS("EnableIPPFIPS", 0, 1, 0),
  ENABLE_OSSL_FIPS("EnableOSSLFIPS", 0, 1, 0);

  private final String element;
  private final long least;
  private final long most;
  private final long usual;

  ConfigKey(String element, long least, long most, long usual) {
    this.element = element;
    this.least = least;
    this.most = most;
    this.usual = usual;
  }

  /** The name of the XML element. */
  public String element() {
    return element;
  }

  /** The least value that may be written, unsigned. */
  public long least() {
    return least;
  }

  /** The greatest value that may be written, unsigned. */
  public long most() {
    return most;
  }

  /** The value where the configuration has none. */
  public long usual() {
    return usual;
  }

  /** By the name of the XML element, which counts exactly. */
  public static Optional<ConfigKey> of(String element) {
    return Arrays.stream(values()).filter(key -> key.element.equals(element)).findFirst();
  }
}
