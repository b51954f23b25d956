package org.enclavisor.image.sign;

import static org.enclavisor.image.elf.HostileBytes.hex;

import org.enclavisor.image.elf.ElfFile;
import org.enclavisor.image.elf.HostileBytes;
import org.enclavisor.image.elf.Relocation;
import org.enclavisor.image.elf.SectionHeader;

/** What {@code sgx_sign} refuses to sign unless told otherwise. */
final class SignableChecks {
  private SignableChecks() {}

  static void check(ElfFile elf, SigningOptions options) {
    if (!options.allowInitSection() && elf.section(".init").isPresent()) {
      throw elf.bytes().malformed(".init", -1, "no such section, since nobody calls its code", "one");
    }
    if (!options.allowTextRelocations()) {
      elf.sections().stream().filter(section -> section.type() == SectionHeader.SHT_RELA)
          .forEach(table -> checkTable(elf, table));
    }
  }

  private static void checkTable(ElfFile elf, SectionHeader table) {
    HostileBytes records = elf.content(table);
    for (long at = 0; at + Relocation.BYTES <= records.size(); at += Relocation.BYTES) {
      long target = records.u64(at, "r_offset");
      for (SectionHeader code : elf.sections()) {
        if ((code.flags() & SectionHeader.SHF_EXECINSTR) != 0 && target >= code.address()
            && target - code.address() < code.size()) {
          throw records.malformed(table.name() + ": r_offset", at,
              "no relocation in code, which would have to be writable", hex(target) + " in " + code.name());
        }
      }
    }
  }
}
