package org.enclavisor.app.bench;

import java.util.List;

/**
 * What others have published about their systems, to print beside ours. Other machines, other years: only ratios can be
 * compared, and these cannot.
 *
 * @param system whose figure it is
 * @param operation what was measured, in its authors' words
 * @param figure as published
 */
record Published(String system, String operation, String figure) {

  static final List<Published> FIGURES =
      List.of(
          new Published("SGX hardware", "ECALL (enter and exit)", "about 14 000 cycles"),
          new Published("SGX hardware", "OCALL", "about 12 000 cycles"),
          new Published("NestedSGX", "one switch", "32 000 to 34 000 cycles"),
          new Published("HyperEnclave", "ECALL; OCALL (AMD)", "9 600; 4 900 cycles"),
          new Published("vSGX", "ECALL", "about 1.5 ms (reported)"),
          new Published("vSGX", "one measured page (EADD and 16 EEXTEND)", "17.2 ms"),
          new Published("vSGX", "wolfCrypt against native", "1.90 times"),
          new Published("NestedSGX", "compute and memory", "less than 2 % over native"),
          new Published("HyperEnclave", "nbench", "1.1 % over native"));
}
