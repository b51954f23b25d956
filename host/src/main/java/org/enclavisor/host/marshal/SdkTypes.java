package org.enclavisor.host.marshal;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.enclavisor.host.edl.CType.Basic.Kind;

/**
 * Sizes of types that EDL files use and C headers define, which need not be on the disk: those of the C library, and
 * those of the Intel SGX SDK's headers (sgx_error.h, sgx_report.h, sgx_key.h, sgx_tcrypto.h, sgx_key_exchange.h,
 * sgx_dh.h, sgx_quote.h, sgx_tseal.h, sgx_ql_lib_common.h), measured with gcc on x86-64.
 */
final class SdkTypes {
  private static final Map<String, Shape> SHAPES = shapes();

  private SdkTypes() {}

  static Optional<Shape> find(String name) {
    return Optional.ofNullable(SHAPES.get(name));
  }

  private static Map<String, Shape> shapes() {
    var shapes = new HashMap<String, Shape>();
    number(shapes, Kind.UNSIGNED, 1, "bool", "_Bool", "uint_least8_t");
    number(shapes, Kind.UNSIGNED, 2, "sgx_isv_svn_t", "sgx_prod_id_t", "sgx_config_svn_t");
    number(
        shapes, Kind.UNSIGNED, 4, "sgx_status_t", "sgx_ra_context_t", "sgx_ra_key_type_t", "sgx_misc_select_t",
        "sgx_quote_sign_type_t", "quote3_error_t", "sgx_ql_qv_result_t", "mode_t", "uid_t", "gid_t", "socklen_t");
    number(shapes, Kind.SIGNED, 4, "pid_t", "wint_t", "errno_t");
    number(shapes, Kind.UNSIGNED, 8, "sgx_enclave_id_t", "uintptr_t", "uintmax_t", "dev_t", "ino_t");
    number(
        shapes, Kind.SIGNED, 8, "intptr_t", "intmax_t", "ptrdiff_t", "ssize_t", "off_t", "off64_t", "time_t",
        "clock_t");
    bytes(
        shapes, 16, "sgx_quote_nonce_t", "sgx_key_128bit_t", "sgx_cpu_svn_t", "sgx_spid_t", "sgx_mac_t",
        "sgx_aes_gcm_128bit_tag_t", "sgx_aes_gcm_128bit_key_t", "sgx_aes_ctr_128bit_key_t", "sgx_cmac_128bit_key_t",
        "sgx_cmac_128bit_tag_t", "sgx_ec_key_128bit_t");
    bytes(
        shapes, 32, "sgx_ec256_private_t", "sgx_ec256_dh_shared_t", "sgx_measurement_t", "sgx_key_id_t",
        "sgx_basename_t", "sgx_sha256_hash_t");
    bytes(shapes, 64, "sgx_ec256_public_t", "sgx_report_data_t", "sgx_config_id_t");
    bytes(shapes, 4, "sgx_epid_group_id_t");
    bytes(shapes, 68, "sgx_ra_msg1_t");
    bytes(shapes, 336, "sgx_ra_msg3_t");
    bytes(shapes, 576, "sgx_dh_msg1_t");
    bytes(shapes, 512, "sgx_dh_msg2_t");
    bytes(shapes, 452, "sgx_dh_msg3_t");
    bytes(shapes, 260, "sgx_dh_session_enclave_identity_t");
    bytes(shapes, 200, "sgx_dh_session_t");
    bytes(shapes, 436, "sgx_quote_t");
    bytes(shapes, 256, "sgx_report2_mac_struct_t");
    opaque(shapes, "sgx_ec256_signature_t", 64, 4);
    opaque(shapes, "sgx_ra_msg2_t", 168, 4);
    opaque(shapes, "sgx_attributes_t", 16, 8);
    opaque(shapes, "sgx_report_body_t", 384, 8);
    opaque(shapes, "sgx_report_t", 432, 8);
    opaque(shapes, "sgx_target_info_t", 512, 8);
    opaque(shapes, "sgx_key_request_t", 512, 8);
    opaque(shapes, "sgx_sealed_data_t", 560, 8);
    opaque(shapes, "sgx_ql_qe_report_info_t", 960, 8);
    return Map.copyOf(shapes);
  }

  private static void number(Map<String, Shape> shapes, Kind kind, int bytes, String... names) {
    for (String name : names) {
      shapes.put(name, new Shape.Scalar(name, kind, bytes));
    }
  }

  private static void bytes(Map<String, Shape> shapes, int bytes, String... names) {
    for (String name : names) {
      opaque(shapes, name, bytes, 1);
    }
  }

  private static void opaque(Map<String, Shape> shapes, String name, int bytes, int alignment) {
    shapes.put(name, new Shape.Opaque(name, bytes, alignment));
  }
}
