package org.enclavisor.host.edl;

import java.util.List;

/** A parameter of a function or a member of a structure or union. */
public record Variable(CType type, Passing passing, String name, List<Integer> dimensions, SourcePosition position) {
  public Variable {
    dimensions = List.copyOf(dimensions);
  }

  /** Whether it was declared with dimensions. */
  public boolean isArray() {
    return !dimensions.isEmpty();
  }

  /** The product of the dimensions; 1 without any. */
  public int elements() {
    int product = 1;
    for (int dimension : dimensions) {
      product = Math.multiplyExact(product, dimension);
    }
    return product;
  }

  /** As C writes it. */
  public String cDeclaration() {
    var text = new StringBuilder(type.cName()).append(' ').append(name);
    dimensions.forEach(dimension -> text.append('[').append(dimension).append(']'));
    return text.toString();
  }
}
