package org.enclavisor.host.edl;

import java.util.List;

/** A function at the boundary of an enclave. */
public sealed interface EdlFunction {

  /** Name, parameters and result. */
  Signature signature();

  /** {@code transition_using_threads}. It changes no layout and no number. */
  boolean switchless();

  /** The name in C. */
  default String name() {
    return signature().name();
  }

  /** Name, parameters and result of a function. */
  record Signature(String name, CType returnType, List<Variable> parameters, SourcePosition position) {
    public Signature {
      parameters = List.copyOf(parameters);
    }

    @Override
    public String toString() {
      return returnType.cName() + " " + name + "("
          + String.join(", ", parameters.stream().map(Variable::cDeclaration).toList()) + ")";
    }
  }

  /**
   * A function inside the enclave: an ECALL.
   *
   * @param isPublic whether it may be called when no OCALL is under way
   */
  record Trusted(Signature signature, boolean isPublic, boolean switchless) implements EdlFunction {}

  /**
   * A function outside: an OCALL.
   *
   * @param allowed the ECALLs that may be made while it is under way
   * @param propagatesErrno whether {@code errno} is handed back
   */
  record Untrusted(
      Signature signature,
      Convention convention,
      boolean dllImport,
      List<String> allowed,
      boolean propagatesErrno,
      boolean switchless)
      implements EdlFunction {
    public Untrusted {
      allowed = List.copyOf(allowed);
    }
  }

  /** Calling conventions that EDL can name; on x86-64 they are all the same. */
  enum Convention {
    NONE,
    CDECL,
    STDCALL,
    FASTCALL
  }
}
