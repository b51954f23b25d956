package org.enclavisor.host.edl;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.enclavisor.host.edl.Passing.ByAddress;
import org.enclavisor.host.edl.Passing.Extent;
import org.jspecify.annotations.Nullable;

/** The checks on the joined files: names that are used are there, once, and mean what is made of them. */
final class EdlChecks {
  private final String name;
  private final String file;
  private final List<String> warnings = new ArrayList<>();
  private final Map<String, Composite.StructDef> structs = new HashMap<>();

  EdlChecks(String name, String file) {
    this.name = name;
    this.file = file;
  }

  Edl check(
      List<EdlSource.Text> headers,
      List<Composite> composites,
      List<EdlFunction.Trusted> ecalls,
      List<EdlFunction.Untrusted> ocalls) {
    functionsAreThereOnce(ecalls, ocalls);
    structuresAreThereOnce(composites);
    extentsAreThere(composites, ecalls, ocalls);
    structuresAreUsedRightly(ecalls, ocalls);
    allowedAreThere(ecalls, ocalls);
    somethingIsPublic(ecalls, ocalls);
    return new Edl(name, headers, composites, ecalls, ocalls, warnings);
  }

  private static void functionsAreThereOnce(
      List<EdlFunction.Trusted> ecalls, List<EdlFunction.Untrusted> ocalls) {
    var places = new HashMap<String, SourcePosition>();
    Stream.concat(ecalls.stream(), ocalls.stream())
        .map(EdlFunction::signature)
        .forEach(
            signature -> {
              SourcePosition before = places.putIfAbsent(signature.name(), signature.position());
              if (before != null) {
                throw new MalformedEdlException(
                    signature.position(), "function " + signature.name(), "one definition", "another at " + before);
              }
              namesAreThereOnce("function " + signature.name(), signature.parameters());
            });
  }

  private static void namesAreThereOnce(String what, List<Variable> variables) {
    var names = new HashSet<String>();
    for (Variable variable : variables) {
      if (!names.add(variable.name())) {
        throw new MalformedEdlException(
            variable.position(), what, "different names", "'" + variable.name() + "' twice");
      }
    }
  }

  private void structuresAreThereOnce(List<Composite> composites) {
    for (Composite composite : composites) {
      if (composite instanceof Composite.StructDef struct) {
        Composite.StructDef before = structs.putIfAbsent(struct.name(), struct);
        if (before != null) {
          throw new MalformedEdlException(
              struct.position(), "struct " + struct.name(), "one definition", "another at " + before.position());
        }
      }
    }
  }

  private static void extentsAreThere(
      List<Composite> composites, List<EdlFunction.Trusted> ecalls, List<EdlFunction.Untrusted> ocalls) {
    Stream.concat(ecalls.stream(), ocalls.stream())
        .forEach(function -> extentsAreThere("parameter", function.signature().parameters()));
    for (Composite composite : composites) {
      switch (composite) {
        case Composite.StructDef struct -> {
          namesAreThereOnce("struct " + struct.name(), struct.members());
          extentsAreThere("member", struct.members());
        }
        case Composite.UnionDef union -> namesAreThereOnce("union " + union.name(), union.members());
        case Composite.EnumDef _ -> {}
      }
    }
  }

  private static void extentsAreThere(String kind, List<Variable> variables) {
    for (Variable variable : variables) {
      if (variable.passing() instanceof ByAddress address) {
        extentIsThere(kind, variable, address.size(), variables);
        extentIsThere(kind, variable, address.count(), variables);
      }
    }
  }

  private static void extentIsThere(
      String kind, Variable variable, @Nullable Extent extent, List<Variable> variables) {
    if (!(extent instanceof Extent.Named named)) {
      return;
    }
    Variable target =
        variables.stream().filter(candidate -> candidate.name().equals(named.name())).findFirst().orElse(null);
    String what = "size of " + variable.name();
    if (target == null) {
      throw new MalformedEdlException(
          variable.position(), what, "the name of a " + kind + " beside it", "'" + named.name() + "'");
    }
    boolean isNumber =
        target.passing() instanceof Passing.ByValue
            && switch (target.type()) {
              case CType.Basic basic ->
                  basic.kind() == CType.Basic.Kind.SIGNED || basic.kind() == CType.Basic.Kind.UNSIGNED;
              case CType.EnumRef _, CType.Foreign _ -> true;
              case CType.StructRef _, CType.UnionRef _, CType.Pointer _ -> false;
            };
    if (!isNumber) {
      throw new MalformedEdlException(
          variable.position(), what, "a whole number passed by value", "'" + target.cDeclaration() + "'");
    }
  }

  private void structuresAreUsedRightly(
      List<EdlFunction.Trusted> ecalls, List<EdlFunction.Untrusted> ocalls) {
    Stream.concat(ecalls.stream(), ocalls.stream())
        .map(EdlFunction::signature)
        .forEach(
            signature -> signature.parameters().forEach(parameter -> structureIsUsedRightly(signature, parameter)));
  }

  private void structureIsUsedRightly(EdlFunction.Signature signature, Variable parameter) {
    String what = "parameter " + parameter.name() + " of " + signature.name();
    SourcePosition at = parameter.position();
    if (parameter.type() instanceof CType.StructRef ref && parameter.passing() instanceof Passing.ByValue) {
      Composite.StructDef struct = structs.get(ref.name());
      if (struct != null && struct.isDeepCopy()) {
        throw new MalformedEdlException(
            at, what, "a pointer to struct " + ref.name() + ", which is copied deeply", "its value");
      }
      if (struct != null && struct.members().stream().anyMatch(m -> m.passing() instanceof ByAddress)) {
        warnings.add(at + ": " + what + ": what the pointers in struct " + ref.name() + " point to is not copied");
      }
    } else if (parameter.type() instanceof CType.Pointer pointer
        && pointer.target() instanceof CType.StructRef ref
        && parameter.passing() instanceof ByAddress address) {
      Composite.StructDef struct = structs.get(ref.name());
      if (struct != null && struct.isDeepCopy() && address.direction() == Passing.Direction.OUT) {
        throw new MalformedEdlException(
            at, what, "'in' for struct " + ref.name() + ", which is copied deeply", "'out' alone");
      }
    } else {
      foreignIsNoStructure(what, at, parameter.type());
    }
  }

  private void foreignIsNoStructure(String what, SourcePosition at, CType type) {
    switch (type) {
      case CType.Pointer pointer -> foreignIsNoStructure(what, at, pointer.target());
      case CType.Foreign foreign -> {
        Composite.StructDef struct = structs.get(foreign.name());
        if (struct != null && struct.isDeepCopy()) {
          throw new MalformedEdlException(
              at, what, "'struct " + foreign.name() + "', which is copied deeply", "'" + foreign.name() + "'");
        }
        if (struct != null) {
          warnings.add(at + ": " + what + ": write 'struct " + foreign.name() + "'");
        }
      }
      case CType.Basic _, CType.StructRef _, CType.UnionRef _, CType.EnumRef _ -> {}
    }
  }

  private static void allowedAreThere(List<EdlFunction.Trusted> ecalls, List<EdlFunction.Untrusted> ocalls) {
    Set<String> names = new HashSet<>();
    ecalls.forEach(ecall -> names.add(ecall.name()));
    for (EdlFunction.Untrusted ocall : ocalls) {
      for (String allowed : ocall.allowed()) {
        if (!names.contains(allowed)) {
          throw new MalformedEdlException(
              ocall.signature().position(), "allow of " + ocall.name(), "the name of an ECALL", "'" + allowed + "'");
        }
      }
    }
  }

  private void somethingIsPublic(List<EdlFunction.Trusted> ecalls, List<EdlFunction.Untrusted> ocalls) {
    if (ecalls.stream().noneMatch(EdlFunction.Trusted::isPublic)) {
      throw new MalformedEdlException(
          new SourcePosition(file, 1, 1), "enclave " + name, "at least one public ECALL", "none");
    }
    Set<String> allowed = new HashSet<>();
    ocalls.forEach(ocall -> allowed.addAll(ocall.allowed()));
    for (EdlFunction.Trusted ecall : ecalls) {
      if (!ecall.isPublic() && !allowed.contains(ecall.name())) {
        warnings.add(
            ecall.signature().position() + ": ECALL " + ecall.name() + " is private, and no OCALL allows it");
      }
    }
  }
}
