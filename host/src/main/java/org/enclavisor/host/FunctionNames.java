package org.enclavisor.host;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.enclavisor.host.marshal.Names;

/** Finds functions by their name in C, or in lower camel case where that means but one. Immutable. */
final class FunctionNames {
  private final List<String> all;
  private final Map<String, String> camel = new HashMap<>();

  FunctionNames(List<String> names) {
    all = List.copyOf(names);
    for (String name : names) {
      // An ambiguous name means nothing.
      camel.merge(Names.lowerCamel(name), name, (first, second) -> "");
    }
  }

  Optional<String> find(String name) {
    if (all.contains(name)) {
      return Optional.of(name);
    }
    return Optional.ofNullable(camel.get(name)).filter(found -> !found.isEmpty());
  }

  List<String> all() {
    return all;
  }
}
