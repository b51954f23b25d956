package org.enclavisor.monitor.spi;

/** What the processor of a platform offers to enclaves. Thread-safe. */
public interface Machine {

  /** XCR0: the extended state components that are switched on. */
  long xcr0();

  /** Bytes of an XSAVE area in standard form with all of {@link #xcr0()} (CPUID.0DH.0:EBX). */
  int xsaveBytes();

  /** The processor's own answer to CPUID. */
  CpuidResult cpuid(int leaf, int subleaf);

  /** EAX, EBX, ECX and EDX of one CPUID. */
  record CpuidResult(int eax, int ebx, int ecx, int edx) {}
}
