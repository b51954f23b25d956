package org.enclavisor.host.edl;

/** A C type as EDL writes it, without the name and dimensions of the variable that has it. */
public sealed interface CType {

  /** As C writes it, such as {@code unsigned int*}. */
  String cName();

  /** The types whose layout the x86-64 System V ABI fixes. */
  enum Basic implements CType {
    VOID("void", 0, Kind.VOID),
    CHAR("char", 1, Kind.SIGNED),
    UNSIGNED_CHAR("unsigned char", 1, Kind.UNSIGNED),
    SHORT("short int", 2, Kind.SIGNED),
    UNSIGNED_SHORT("unsigned short int", 2, Kind.UNSIGNED),
    INT("int", 4, Kind.SIGNED),
    UNSIGNED_INT("unsigned int", 4, Kind.UNSIGNED),
    LONG("long int", 8, Kind.SIGNED),
    UNSIGNED_LONG("unsigned long int", 8, Kind.UNSIGNED),
    LONG_LONG("long long", 8, Kind.SIGNED),
    UNSIGNED_LONG_LONG("unsigned long long", 8, Kind.UNSIGNED),
    FLOAT("float", 4, Kind.FLOATING),
    DOUBLE("double", 8, Kind.FLOATING),
    LONG_DOUBLE("long double", 16, Kind.EXTENDED),
    INT8("int8_t", 1, Kind.SIGNED),
    INT16("int16_t", 2, Kind.SIGNED),
    INT32("int32_t", 4, Kind.SIGNED),
    INT64("int64_t", 8, Kind.SIGNED),
    UINT8("uint8_t", 1, Kind.UNSIGNED),
    UINT16("uint16_t", 2, Kind.UNSIGNED),
    UINT32("uint32_t", 4, Kind.UNSIGNED),
    UINT64("uint64_t", 8, Kind.UNSIGNED),
    SIZE_T("size_t", 8, Kind.UNSIGNED),
    WCHAR_T("wchar_t", 4, Kind.SIGNED);

    /** How the bytes of a basic type are read. */
    public enum Kind {
      /** No value. */
      VOID,
      /** Two's complement. */
      SIGNED,
      /** Natural number. */
      UNSIGNED,
      /** IEEE binary32 or binary64. */
      FLOATING,
      /** The x87's 80 bits in 16 bytes. */
      EXTENDED
    }

    private final String cName;
    private final int bytes;
    private final Kind kind;

    Basic(String cName, int bytes, Kind kind) {
      this.cName = cName;
      this.bytes = bytes;
      this.kind = kind;
    }

    @Override
    public String cName() {
      return cName;
    }

    /** Size and alignment in bytes; 0 of {@code void}. */
    public int bytes() {
      return bytes;
    }

    /** How its bytes are read. */
    public Kind kind() {
      return kind;
    }
  }

  /** {@code struct name}. */
  record StructRef(String name) implements CType {
    @Override
    public String cName() {
      return "struct " + name;
    }
  }

  /** {@code union name}. */
  record UnionRef(String name) implements CType {
    @Override
    public String cName() {
      return "union " + name;
    }
  }

  /** {@code enum name}. */
  record EnumRef(String name) implements CType {
    @Override
    public String cName() {
      return "enum " + name;
    }
  }

  /** A name that a C header defines; EDL itself does not know what it is. */
  record Foreign(String name) implements CType {
    @Override
    public String cName() {
      return name;
    }
  }

  /** A pointer. */
  record Pointer(CType target) implements CType {
    @Override
    public String cName() {
      return target.cName() + "*";
    }
  }
}
