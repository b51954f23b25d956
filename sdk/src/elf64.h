/* The parts of ELF (System V gABI, chapters 4 and 5) that an image needs to relocate itself. */
#ifndef ENCL_ELF64_H
#define ENCL_ELF64_H

#include <stdint.h>

enum { PT_TLS = 7, DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, R_X86_64_RELATIVE = 8 };

struct elf64_ehdr {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, phoff, shoff;
  uint32_t flags;
  uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_phdr {
  uint32_t type, flags;
  uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf64_dyn {
  int64_t tag;
  uint64_t value;
};

struct elf64_rela {
  uint64_t offset, info;
  int64_t addend;
};

#endif
