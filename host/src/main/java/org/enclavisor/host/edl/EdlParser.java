package org.enclavisor.host.edl;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.host.edl.PassingRules.Attribute;
import org.jspecify.annotations.Nullable;

/** The grammar of an EDL file, by recursive descent. Confined to one thread. */
final class EdlParser {
  private final TokenCursor cursor;
  private final List<String> includes = new ArrayList<>();
  private final List<EdlFile.Import> imports = new ArrayList<>();
  private final List<Composite> composites = new ArrayList<>();
  private final List<EdlFunction.Trusted> trusted = new ArrayList<>();
  private final List<EdlFunction.Untrusted> untrusted = new ArrayList<>();

  private EdlParser(TokenCursor cursor) {
    this.cursor = cursor;
  }

  /**
   * Reads one file.
   *
   * @param file as the user knows it, for error messages
   * @param name what {@link EdlFile#name()} is to be
   */
  static EdlFile parse(String file, String name, String text) {
    var parser = new EdlParser(new TokenCursor(EdlLexer.tokens(file, text, Directives.forEdl())));
    parser.enclave();
    return new EdlFile(
        name, parser.includes, parser.imports, parser.composites, parser.trusted, parser.untrusted);
  }

  private void enclave() {
    cursor.expect("enclave", "file");
    cursor.expect("{", "enclave");
    while (!cursor.accept("}")) {
      Token token = cursor.peek();
      switch (token.kind() == Token.Kind.WORD ? token.text() : "") {
        case "include" -> include();
        case "from" -> importing();
        case "struct", "union", "enum" -> composite();
        case "trusted" -> block(this::trustedFunction);
        case "untrusted" -> block(this::untrustedFunction);
        default ->
            throw cursor.unexpected(
                "enclave", "include, from, struct, union, enum, trusted, untrusted or '}'");
      }
    }
    cursor.expect(";", "end of the enclave");
    if (!cursor.atEnd()) {
      throw cursor.unexpected("file", "nothing after the enclave");
    }
  }

  private void include() {
    cursor.next();
    includes.add(cursor.string("include"));
  }

  private void importing() {
    SourcePosition position = cursor.next().position();
    String module = cursor.string("from");
    cursor.expect("import", "from \"" + module + "\"");
    var functions = new ArrayList<String>();
    if (cursor.accept("*")) {
      functions.add("*");
    } else {
      do {
        functions.add(cursor.name("import").text());
      } while (cursor.accept(","));
    }
    cursor.expect(";", "import");
    imports.add(new EdlFile.Import(module, functions, position));
  }

  private void block(Runnable function) {
    String keyword = cursor.next().text();
    cursor.expect("{", keyword);
    while (cursor.peek().is("include")) {
      include();
    }
    while (!cursor.accept("}")) {
      function.run();
    }
    cursor.expect(";", "end of the " + keyword + " block");
  }

  private void composite() {
    Token keyword = cursor.next();
    boolean isEnum = keyword.is("enum");
    String name = isEnum && cursor.peek().is("{") ? "" : cursor.name(keyword.text()).text();
    String what = (keyword.text() + " " + name).strip();
    cursor.expect("{", what);
    if (isEnum) {
      composites.add(new Composite.EnumDef(name, elements(what), keyword.position()));
    } else {
      boolean isStruct = keyword.is("struct");
      List<Variable> members = members(what, isStruct);
      composites.add(
          isStruct
              ? new Composite.StructDef(name, members, keyword.position())
              : new Composite.UnionDef(name, members, keyword.position()));
    }
    cursor.expect(";", what);
  }

  private List<Composite.EnumDef.Element> elements(String what) {
    var elements = new ArrayList<Composite.EnumDef.Element>();
    if (cursor.accept("}")) {
      return elements;
    }
    do {
      String name = cursor.name(what).text();
      elements.add(new Composite.EnumDef.Element(name, cursor.accept("=") ? value(what) : null));
    } while (cursor.accept(","));
    cursor.expect("}", what);
    return elements;
  }

  private Passing.Extent value(String what) {
    return cursor.peek().kind() == Token.Kind.NUMBER
        ? new Passing.Extent.Literal(cursor.number(what))
        : new Passing.Extent.Named(cursor.name(what).text());
  }

  private List<Variable> members(String what, boolean isStruct) {
    var members = new ArrayList<Variable>();
    do {
      SourcePosition start = cursor.peek().position();
      List<Attribute> attributes = isStruct ? PassingRules.block(cursor) : List.of();
      CType type = cursor.type(what);
      Token name = cursor.name("member of " + what);
      List<Integer> dimensions = cursor.dimensions();
      if (type == CType.Basic.VOID && dimensions.isEmpty()) {
        throw new MalformedEdlException(start, "member " + name.text(), "a type with a value", "'void'");
      }
      Passing passing =
          isStruct
              ? PassingRules.member(attributes, type, !dimensions.isEmpty(), start)
              : Passing.ByValue.INSTANCE;
      members.add(new Variable(type, passing, name.text(), dimensions, name.position()));
      cursor.expect(";", "member " + name.text());
    } while (!cursor.accept("}"));
    return members;
  }

  private void trustedFunction() {
    boolean isPublic = cursor.accept("public");
    EdlFunction.Signature signature = signature("ECALL");
    boolean switchless = cursor.accept("transition_using_threads");
    cursor.expect(";", "ECALL " + signature.name());
    trusted.add(new EdlFunction.Trusted(signature, isPublic, switchless));
  }

  private void untrustedFunction() {
    var convention = EdlFunction.Convention.NONE;
    boolean dllImport = false;
    for (Attribute attribute : PassingRules.block(cursor)) {
      EdlFunction.Convention named = convention(attribute.key());
      if (named != null) {
        if (convention != EdlFunction.Convention.NONE) {
          throw new MalformedEdlException(
              attribute.position(),
              "attributes of an OCALL",
              "one calling convention",
              "'" + attribute.key() + "' too");
        }
        convention = named;
      } else if (attribute.key().equals("dllimport") && !dllImport) {
        dllImport = true;
      } else {
        throw new MalformedEdlException(
            attribute.position(),
            "attributes of an OCALL",
            "cdecl, stdcall, fastcall or dllimport, each once",
            "'" + attribute.key() + "'");
      }
    }
    EdlFunction.Signature signature = signature("OCALL");
    List<String> allowed = allowed();
    boolean propagatesErrno = cursor.accept("propagate_errno");
    boolean switchless = cursor.accept("transition_using_threads");
    propagatesErrno |= !propagatesErrno && cursor.accept("propagate_errno");
    cursor.expect(";", "OCALL " + signature.name());
    untrusted.add(
        new EdlFunction.Untrusted(signature, convention, dllImport, allowed, propagatesErrno, switchless));
  }

  private static EdlFunction.@Nullable Convention convention(String key) {
    return switch (key) {
      case "cdecl" -> EdlFunction.Convention.CDECL;
      case "stdcall" -> EdlFunction.Convention.STDCALL;
      case "fastcall" -> EdlFunction.Convention.FASTCALL;
      default -> null;
    };
  }

  private List<String> allowed() {
    var allowed = new ArrayList<String>();
    if (cursor.accept("allow")) {
      cursor.expect("(", "allow");
      if (!cursor.accept(")")) {
        do {
          allowed.add(cursor.name("allow").text());
        } while (cursor.accept(","));
        cursor.expect(")", "allow");
      }
    }
    return allowed;
  }

  private EdlFunction.Signature signature(String what) {
    CType returnType = cursor.type(what);
    if (cursor.peek().is("[")) {
      throw cursor.unexpected(what, "a name: an array cannot be returned");
    }
    Token name = cursor.name(what);
    String function = what + " " + name.text();
    cursor.expect("(", function);
    var parameters = new ArrayList<Variable>();
    boolean none = cursor.peek().is("void") && cursor.peek(1).is(")");
    if (none) {
      cursor.next();
    }
    if (!cursor.accept(")")) {
      do {
        parameters.add(parameter(name.text()));
      } while (cursor.accept(","));
      cursor.expect(")", function);
    }
    parameters.forEach(parameter -> PassingRules.checkParameter(name.text(), parameter));
    return new EdlFunction.Signature(name.text(), returnType, parameters, name.position());
  }

  private Variable parameter(String function) {
    SourcePosition start = cursor.peek().position();
    List<Attribute> attributes = PassingRules.block(cursor);
    boolean isConst = cursor.accept("const");
    CType type = cursor.type("parameter of " + function);
    if (isConst && !(type instanceof CType.Pointer)) {
      throw cursor.unexpected("const parameter of " + function, "'*': const goes only with a pointer");
    }
    Token name = cursor.name("parameter of " + function);
    List<Integer> dimensions = cursor.dimensions();
    if (type == CType.Basic.VOID && dimensions.isEmpty()) {
      throw new MalformedEdlException(start, "parameter " + name.text(), "a type with a value", "'void'");
    }
    Passing passing = PassingRules.parameter(attributes, type, isConst, !dimensions.isEmpty(), start);
    return new Variable(type, passing, name.text(), dimensions, name.position());
  }
}
