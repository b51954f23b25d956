package org.enclavisor.host.edl;

import java.util.Set;

/** The EDL files of the SDK's own libraries that are bundled: names, parameters and their order are the SDK's ABI. */
final class StandardEdl {
  static final Set<String> NAMES =
      Set.of(
          "sgx_tstdc.edl",
          "sgx_pthread.edl",
          "sgx_tkey_exchange.edl",
          "sgx_tprotected_fs.edl",
          "sgx_tswitchless.edl",
          "sgx_ttls.edl",
          "sgx_tsgxssl.edl");

  private StandardEdl() {}
}
