package org.enclavisor.host.debug;

/** The registers in words that GDB reads: {@code target.xml} (GDB manual, “Target Descriptions”). */
final class TargetDescription {

  /** Types that GDB does not know by itself, by the feature that needs them. */
  private static final String EFLAGS =
      flags("i386_eflags", "CF:0", "PF:2", "AF:4", "ZF:6", "SF:7", "TF:8", "IF:9", "DF:10", "OF:11", "NT:14", "RF:16",
          "VM:17", "AC:18", "VIF:19", "VIP:20", "ID:21");

  private static final String MXCSR =
      flags("i386_mxcsr", "IE:0", "DE:1", "ZE:2", "OE:3", "UE:4", "PE:5", "DAZ:6", "IM:7", "DM:8", "ZM:9", "OM:10",
          "UM:11", "PM:12", "FZ:15");

  private static final String VECTORS =
      vector("v4f", "ieee_single", 4)
          + vector("v2d", "ieee_double", 2)
          + vector("v16i8", "int8", 16)
          + vector("v8i16", "int16", 8)
          + vector("v4i32", "int32", 4)
          + vector("v2i64", "int64", 2)
          + "<union id=\"vec128\">"
          + field("v4_float", "v4f")
          + field("v2_double", "v2d")
          + field("v16_int8", "v16i8")
          + field("v8_int16", "v8i16")
          + field("v4_int32", "v4i32")
          + field("v2_int64", "v2i64")
          + field("uint128", "uint128")
          + "</union>";

  private TargetDescription() {}

  static String of(RegisterTable table) {
    var xml =
        new StringBuilder(
            "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\">"
                + "<architecture>i386:x86-64</architecture><osabi>GNU/Linux</osabi>");
    for (RegisterTable.Feature feature : table.features()) {
      xml.append("<feature name=\"").append(feature.name()).append("\">").append(types(feature.name()));
      for (Register register : feature.registers()) {
        xml.append("<reg name=\"%s\" bitsize=\"%d\" type=\"%s\"/>"
            .formatted(register.name(), register.bits(), register.type()));
      }
      xml.append("</feature>");
    }
    return xml.append("</target>").toString();
  }

  private static String types(String feature) {
    return switch (feature) {
      case "org.gnu.gdb.i386.core" -> EFLAGS;
      case "org.gnu.gdb.i386.sse" -> VECTORS + MXCSR;
      case "org.gnu.gdb.i386.avx512" -> VECTORS + vector("v2ui128", "uint128", 2);
      default -> "";
    };
  }

  private static String flags(String id, String... fields) {
    var xml = new StringBuilder("<flags id=\"%s\" size=\"4\">".formatted(id));
    for (String field : fields) {
      String[] parts = field.split(":");
      xml.append("<field name=\"%s\" start=\"%s\" end=\"%s\"/>".formatted(parts[0], parts[1], parts[1]));
    }
    return xml.append("</flags>").toString();
  }

  private static String vector(String id, String type, int count) {
    return "<vector id=\"%s\" type=\"%s\" count=\"%d\"/>".formatted(id, type, count);
  }

  private static String field(String name, String type) {
    return "<field name=\"%s\" type=\"%s\"/>".formatted(name, type);
  }
}
