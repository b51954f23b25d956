package org.enclavisor.conformance.model;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.probe.Command;
import org.jspecify.annotations.Nullable;

/** A TCS and the thread that may be inside by it. CSSA and the rest are in the page's bytes. */
final class ModelThread {
  static final int FLAGS = 8;
  static final int OSSA = 16;
  static final int CSSA = 24;
  static final int NSSA = 28;
  static final int OENTRY = 32;
  static final int AEP = 40;
  static final int OFSBASE = 48;
  static final int OGSBASE = 56;

  /** What an SSA frame resumes: the block, and the command that faulted; null if the probe was waiting. */
  record Frame(long block, @Nullable Command command, Registers host) {}

  final ModelPage page;
  boolean active;
  /** The enclave's epoch when the thread entered. */
  long epoch;
  /** The model's time when it entered. */
  long enteredAt;
  long block;
  long aep;
  Registers host = new Registers();
  /** By CSSA: what an asynchronous exit left there. The bytes in the enclave's memory are not modelled. */
  final List<@Nullable Frame> frames = new ArrayList<>();

  ModelThread(ModelPage page) {
    this.page = page;
  }

  int u32(int offset) {
    return (int) ModelMemory.U32.get(page.content, offset);
  }

  long u64(int offset) {
    return (long) ModelMemory.U64.get(page.content, offset);
  }

  int cssa() {
    return u32(CSSA);
  }

  void cssa(int value) {
    ModelMemory.U32.set(page.content, CSSA, value);
  }

  void frame(int index, @Nullable Frame frame) {
    while (frames.size() <= index) {
      frames.add(null);
    }
    frames.set(index, frame);
  }

  @Nullable Frame frame(int index) {
    return index < frames.size() ? frames.get(index) : null;
  }
}
