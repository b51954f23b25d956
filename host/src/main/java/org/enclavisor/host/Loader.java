package org.enclavisor.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.image.LaunchDecision;
import org.enclavisor.image.MachineCapabilities;
import org.enclavisor.image.PageRun;
import org.enclavisor.image.Protection;
import org.enclavisor.image.ThreadSlot;
import org.enclavisor.isa.Secs;
import org.enclavisor.isa.SgxError;
import org.enclavisor.isa.Sigstruct;
import org.enclavisor.monitor.CreateOutcome;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.Outcome;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.spi.Machine;
import org.enclavisor.monitor.spi.PlatformException;

/** ECREATE, EADD, EEXTEND and EINIT of one image. Every refusal is one {@link LoadException}. Used by one thread. */
final class Loader {
  /** Bytes between two reports of progress. */
  private static final long STEP = 4 << 20;

  private final SgxDevice device;
  private final EnclaveImage image;
  private final HostConfig config;

  Loader(SgxDevice device, EnclaveImage image, HostConfig config) {
    this.device = device;
    this.image = image;
    this.config = config;
  }

  /** An enclave after EINIT. */
  record Loaded(EnclaveId id, long base) {}

  private LoadException refused(String what, String expected, String found, String next) {
    return new LoadException(image.name() + ": " + what, expected, found, next, null);
  }

  Loaded load(Machine machine, long untrustedBytes, int threads) {
    Sigstruct sigstruct =
        image
            .sigstruct()
            .orElseThrow(
                () ->
                    refused(
                        "SIGSTRUCT", "a signature in or beside the file", "none",
                        "put its SIGSTRUCT beside it, in a file of the same name that ends in .sig"));
    Secs secs =
        switch (image.launch(MachineCapabilities.withXcr0(machine.xcr0()), config.debug())) {
          case LaunchDecision.Ready ready -> ready.secs();
          case LaunchDecision.Refused refused ->
              throw refused(
                  "launch", "an image that this machine can run", refused.reason(),
                  "see enclavisor inspect for what the image wants, enclavisor doctor for what the machine has");
        };
    Secs based = image.base().isPresent() ? secs.withBaseAddr(image.base().getAsLong()) : secs;
    Loaded loaded = create(based, untrustedBytes, threads);
    boolean done = false;
    try {
      add(loaded);
      report(LoadProgress.Phase.INITIALIZING);
      initialize(loaded, sigstruct);
      done = true;
      return loaded;
    } catch (PlatformException e) {
      throw new LoadException(
          image.name() + ": EADD or EINIT", "the machine to go on", String.valueOf(e.getMessage()),
          "see enclavisor doctor for what this machine lacks", e);
    } finally {
      if (!done) {
        device.remove(loaded.id());
      }
    }
  }

  private Loaded create(Secs secs, long untrustedBytes, int threads) {
    try {
      return switch (device.create(secs, untrustedBytes, threads)) {
        case CreateOutcome.Created created -> new Loaded(created.id(), created.base());
        case CreateOutcome.Refused refused ->
            throw refused(
                "ECREATE", "an enclave of 0x%x bytes".formatted(secs.size()), String.valueOf(refused.outcome()),
                "if the EPC is too small, give it more (--epc, MonitorConfig.withEpc); else enclavisor doctor says what this"
                    + " machine offers");
      };
    } catch (PlatformException e) {
      throw new LoadException(
          image.name() + ": ECREATE",
          "an enclave of 0x%x bytes with %d threads".formatted(secs.size(), threads),
          String.valueOf(e.getMessage()),
          "see enclavisor doctor for what this machine lacks",
          e);
    }
  }

  private void add(Loaded loaded) {
    long total = image.pages().stream().mapToLong(PageRun::length).sum();
    long done = 0;
    for (PageRun run : image.pages()) {
      for (long at = 0; at < run.length(); at += STEP) {
        long length = Math.min(STEP, run.length() - at);
        report(new LoadProgress(LoadProgress.Phase.ADDING, done, total));
        Outcome outcome = add(loaded, run, at, length);
        if (!outcome.ok()) {
          throw refused(
              "EADD of %s at 0x%x".formatted(run.part(), run.offset() + at),
              "its pages to be added",
              outcome.toString(),
              "the image breaks a rule of the architecture; see enclavisor inspect");
        }
        done += length;
      }
    }
    report(new LoadProgress(LoadProgress.Phase.ADDING, total, total));
  }

  private Outcome add(Loaded loaded, PageRun run, long at, long length) {
    long offset = run.offset() + at;
    if (run.content().isEmpty()) {
      return device.addZero(loaded.id(), offset, length, run.secinfo(), run.measured());
    }
    if (!run.repeats()) {
      return device.add(
          loaded.id(), offset, run.secinfo(), run.content().get().asSlice(at, length), run.measured());
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pages = arena.allocate(length, PageRun.PAGE);
      for (long page = 0; page < length; page += PageRun.PAGE) {
        pages.asSlice(page, PageRun.PAGE).copyFrom(run.content().get());
      }
      return device.add(loaded.id(), offset, run.secinfo(), pages, run.measured());
    }
  }

  private void initialize(Loaded loaded, Sigstruct sigstruct) {
    Outcome outcome = device.init(loaded.id(), sigstruct, image.token());
    if (!outcome.ok()) {
      throw refused("EINIT", "the signature to fit the enclave and the machine", outcome.toString(), advice(outcome));
    }
  }

  private static String advice(Outcome outcome) {
    SgxError error = outcome instanceof Outcome.Error failed ? failed.error() : SgxError.SGX_SUCCESS;
    return switch (error) {
      case SGX_INVALID_MEASUREMENT ->
          "the image was changed after it was signed: see enclavisor measure, then sign it again";
      case SGX_INVALID_SIGNATURE, SGX_INVALID_SIG_STRUCT -> "sign the image again: enclavisor sign";
      case SGX_INVALID_ATTRIBUTE ->
          "see enclavisor inspect for the attributes that the signature demands; PROVISIONKEY has to be granted";
      case SGX_INVALID_EINITTOKEN -> "this machine launches one signer only; use a launch token or that signer";
      default -> "see enclavisor inspect for what the signature demands";
    };
  }

  /** What the image's own loader asks of the operating system once the start code has run. */
  void protect(Loaded loaded) {
    for (Protection protection : image.protections()) {
      Outcome outcome =
          device.protect(loaded.id(), protection.offset(), protection.length(), protection.permissions());
      if (!outcome.ok()) {
        throw refused(
            "protection of 0x%x bytes at 0x%x".formatted(protection.length(), protection.offset()),
            protection.permissions().toString(),
            outcome.toString(),
            "see enclavisor inspect for the image's segments");
      }
    }
  }

  /** Offsets of the threads that are part of the image. */
  List<Long> threads() {
    return image.threads().stream().filter(slot -> !slot.dynamic()).map(ThreadSlot::offset).toList();
  }

  /** Offsets of the threads that the enclave can make while it runs. */
  List<Long> laterThreads() {
    boolean can = image.metadata().map(metadata -> metadata.forDynamicMemory()).orElse(false);
    return can ? image.threads().stream().filter(ThreadSlot::dynamic).map(ThreadSlot::offset).toList() : List.of();
  }

  void report(LoadProgress.Phase phase) {
    long total = image.pages().stream().mapToLong(PageRun::length).sum();
    report(new LoadProgress(phase, total, total));
  }

  private void report(LoadProgress progress) {
    if (config.progress() != null) {
      config.progress().accept(progress);
    }
  }
}
