package org.enclavisor.host;

import java.util.LinkedHashMap;
import java.util.Map;
import org.enclavisor.host.edl.CType;
import org.enclavisor.host.marshal.Rendering;
import org.jspecify.annotations.Nullable;

/**
 * What a call by name brought.
 *
 * @param value the result; null of a function without one
 * @param type the result's type in C
 * @param outputs what was handed back through parameters, by their names
 */
public record CallResult(@Nullable Object value, CType type, Map<String, Object> outputs) {
  public CallResult {
    outputs = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(outputs));
  }

  /** The result as people read it; empty of a function without one. */
  public String text() {
    return type == CType.Basic.VOID ? "" : Rendering.text(value, type);
  }

  /** One output as people read it. */
  public String text(String output) {
    return Rendering.text(outputs.get(output));
  }
}
