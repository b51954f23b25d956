package org.enclavisor.image.elf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.enclavisor.image.MalformedImageException;
import org.enclavisor.image.TinyEnclaves;
import org.enclavisor.image.TinyEnclaves.Variant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ElfFileTest {

  private static ElfFile read(byte[] bytes) {
    return ElfFile.read(new HostileBytes(MemorySegment.ofArray(bytes), "t.so"));
  }

  @Test
  void readsWhatIsThere() {
    ElfFile elf = read(TinyEnclaves.sdk(Variant.THREAD_LOCALS));

    assertThat(elf.entry()).isEqualTo(TinyEnclaves.TEXT);
    assertThat(elf.loads()).hasSize(3);
    assertThat(elf.segment(ProgramHeader.PT_TLS)).hasValueSatisfying(
        tls -> assertThat(tls.memorySize()).isEqualTo(100));
    assertThat(elf.section(".text")).hasValueSatisfying(text -> assertThat(text.size()).isEqualTo(0xc00));
    assertThat(elf.dynamicSymbol("g_global_data")).hasValueSatisfying(
        symbol -> assertThat(symbol.value()).isEqualTo(TinyEnclaves.GLOBAL_DATA));
    assertThat(elf.dynamicSymbol("g_global_dat")).isEmpty();
    assertThat(elf.fileOffsetOf(0x1bff)).hasValue(0x1bffL);
    assertThat(elf.fileOffsetOf(0x1c00)).isEmpty();
    assertThat(elf.imageEnd()).isEqualTo(0x2000 + 0x3ff0 + 0x0);
    assertThat(elf.firstUndefinedSymbol()).isEmpty();
    Dynamic dynamic = Dynamic.of(elf).orElseThrow();
    assertThat(dynamic.has(Dynamic.DT_RELA)).isTrue();
    var relocations = new java.util.ArrayList<Relocation>();
    dynamic.forEachRelocation(relocations::add);
    assertThat(relocations).extracting(Relocation::type).containsExactly(Relocation.RELATIVE, Relocation.RELATIVE);
  }

  /**
   * One field at a time made wrong: offset in the file, its width in bytes, the value, and what the error must name.
   */
  @ParameterizedTest
  @CsvSource({
      "0, 4, 0x00000000, e_ident",
      "4, 1, 1, e_ident[EI_CLASS]",
      "5, 1, 2, e_ident[EI_DATA]",
      "6, 1, 0, e_ident[EI_VERSION]",
      "16, 2, 1, e_type",
      "18, 2, 3, e_machine",
      "24, 8, -1, e_entry",
      "32, 8, -1, e_phoff",
      "32, 8, 0x7fffffffffffffff, e_phoff",
      "32, 8, 0xa200, e_phoff",
      "54, 2, 32, e_phentsize",
      "56, 2, 0, e_phnum",
      "56, 2, 65535, e_phnum",
      "58, 2, 40, e_shentsize",
      "40, 8, -64, e_shoff",
      "40, 8, 0xa100, e_shoff",
      "60, 2, 65535, e_shoff",
      "62, 2, 8, e_shstrndx",
      // the first loadable segment
      "72, 8, -1, program header 0: p_filesz",
      "72, 8, 0x7ffffffffffff800, program header 0: p_filesz",
      "96, 8, 0x801, program header 0: p_filesz",
      "96, 8, -1, program header 0: p_filesz",
      "96, 8, 0x20000, program header 0: p_filesz",
      "104, 8, -1, program header 0: p_memsz",
      "104, 8, 0x7fffffffffffffff, program header 0: p_memsz",
      "104, 8, 0x400000000000, program header 1: p_vaddr",
      "80, 8, 0x400000000000, program header 0: p_memsz",
      "80, 8, -4096, program header 0: p_memsz",
      // the second overlaps the first, or comes before it
      "136, 8, 0x7ff, program header 1: p_vaddr",
      "136, 8, 0x2fff, program header 2: p_vaddr",
      "136, 8, 0x9000, program header 2: p_vaddr"})
  void namesTheFieldThatIsWrong(int offset, int width, String value, String field) {
    ByteBuffer bytes = ByteBuffer.wrap(TinyEnclaves.sdk(Variant.PLAIN)).order(ByteOrder.LITTLE_ENDIAN);
    long number = Long.decode(value);
    switch (width) {
      case 1 -> bytes.put(offset, (byte) number);
      case 2 -> bytes.putShort(offset, (short) number);
      case 4 -> bytes.putInt(offset, (int) number);
      default -> bytes.putLong(offset, number);
    }

    assertThatThrownBy(() -> read(bytes.array())).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("t.so: " + field).hasMessageContaining("expected").hasMessageContaining("found");
  }

  @Test
  void everyShorterFileIsRefusedOrHasNoSections() {
    byte[] whole = TinyEnclaves.sdk(Variant.PLAIN);
    for (int length = 0; length < whole.length; length += length < 700 ? 1 : 977) {
      byte[] cut = java.util.Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> read(cut)).as("length %d", cut.length).isInstanceOf(MalformedImageException.class);
    }
  }

  @Test
  void namesAreBounded() {
    byte[] file = TinyEnclaves.sdk(Variant.PLAIN);
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int table = (int) bytes.getLong(40);
    bytes.putInt(table + 64, Integer.MAX_VALUE);

    assertThatThrownBy(() -> read(file)).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("section 1: sh_name");
  }

  @Test
  void aDynamicSectionWithoutEndIsRefused() {
    byte[] file = TinyEnclaves.sdk(Variant.PLAIN);
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(64 + 3 * 56 + 32, 16);

    assertThatThrownBy(() -> Dynamic.of(read(file))).isInstanceOf(MalformedImageException.class)
        .hasMessageContaining("DT_NULL");
  }
}
