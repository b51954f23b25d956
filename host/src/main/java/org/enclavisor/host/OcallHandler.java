package org.enclavisor.host;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Serves OCALLs for which there is no Java method. Called by the thread that made the ECALL. */
@FunctionalInterface
public interface OcallHandler {

  /**
   * Serves one OCALL.
   *
   * @param arguments by the parameters' names, in their order: numbers, Strings, arrays, maps for structures, null for
   *     NULL; what is handed back is an array or a {@link Ref}
   * @return the result, or null for none; null also stands for 0
   */
  @Nullable Object handle(OcallContext context, Map<String, @Nullable Object> arguments);
}
