package org.enclavisor.isa;

import java.util.Optional;

/** KEYNAME: which key EGETKEY is to derive (SDM 3D, “KEY REQUEST KeyNames”). */
public enum KeyName {
  /** EINITTOKEN_KEY: the launch key. */
  EINITTOKEN_KEY(0),
  /** PROVISION_KEY. */
  PROVISION_KEY(1),
  /** PROVISION_SEAL_KEY. */
  PROVISION_SEAL_KEY(2),
  /** REPORT_KEY: what reports to this enclave are made with. */
  REPORT_KEY(3),
  /** SEAL_KEY. */
  SEAL_KEY(4);

  private static final KeyName[] VALUES = values();

  private final int code;

  KeyName(int code) {
    this.code = code;
  }

  /** The manual's number. */
  public int code() {
    return code;
  }

  /** By the manual's number; empty where that is reserved. */
  public static Optional<KeyName> of(int code) {
    return code >= 0 && code < VALUES.length ? Optional.of(VALUES[code]) : Optional.empty();
  }
}
