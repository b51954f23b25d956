package org.enclavisor.monitor;

import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;
import org.enclavisor.isa.Digest32;
import org.enclavisor.monitor.epc.Epc;
import org.enclavisor.monitor.epc.EpcmEntry;
import org.enclavisor.monitor.epc.EpcmTable;
import org.enclavisor.monitor.epc.SecsPage;
import org.enclavisor.monitor.epc.TcsPage;
import org.enclavisor.monitor.leaf.Cpu;
import org.enclavisor.monitor.paging.PagedEnclave;
import org.enclavisor.monitor.paging.Pager;
import org.enclavisor.monitor.spi.Platform;
import org.enclavisor.monitor.spi.PlatformException;
import org.enclavisor.monitor.state.EnclaveManifest;
import org.enclavisor.monitor.state.EnclaveManifest.Instance;
import org.enclavisor.monitor.state.EnclaveManifest.MachineNeeds;
import org.enclavisor.monitor.state.EnclaveManifest.SecsState;
import org.enclavisor.monitor.state.EnclaveManifest.ThreadState;
import org.enclavisor.monitor.state.EntryRules;
import org.enclavisor.monitor.state.StateProgress;
import org.enclavisor.monitor.state.StateSummary;
import org.enclavisor.monitor.state.StateWriter;
import org.jspecify.annotations.Nullable;

/**
 * Stops enclaves at whatever instruction they are, writes their state, and brings them back, here or elsewhere.
 *
 * <pre>
 * {@link #stop} → {@link #write} → {@link Monitor#remove} → {@link #restore}
 *         → {@link #resume}                              goes on in place
 *         → {@link #write} → {@link #resume} → … → {@link #stop} → {@link #writeChanges}
 * </pre>
 *
 * <p>Every stop ends a generation: an enclave that goes on, in place or from a stream, has the next one, and a host
 * that presents the old is turned away at the gate. In this monitor no state comes to life twice, nor after a later one
 * did, nor while the enclave that it is of is still there. Between monitors nobody but the caller can know that.
 *
 * <p>Thread-safe. {@link #write} and {@link #restore} take long; they hold the lock of their enclave only.
 */
public final class Checkpoints {
  /** How long a thread may take to come out: interrupts reach it at once, but it has to be given a processor. */
  private static final long PATIENCE_NANOS = 10_000_000_000L;

  private final Monitor monitor;
  private final Platform platform;
  private final MonitorConfig config;
  private final Cpu cpu;
  private final Epc epc;
  private final EnclaveTable enclaves;
  private final @Nullable Pager pager;
  private final Lineages lineages;

  Checkpoints(
      Monitor monitor,
      Platform platform,
      MonitorConfig config,
      Cpu cpu,
      Epc epc,
      EnclaveTable enclaves,
      @Nullable Pager pager,
      AtomicLong nextInstance,
      AtomicLong nextEid) {
    this.monitor = monitor;
    this.platform = platform;
    this.config = config;
    this.cpu = cpu;
    this.epc = epc;
    this.enclaves = enclaves;
    this.pager = pager;
    this.lineages = new Lineages(config.random(), nextInstance, nextEid);
  }

  /**
   * Lets nobody in any more, brings every thread out by an AEX, and returns when the machine itself says that nothing
   * of the enclave runs. Threads that are in a leaf finish it first. An enclave whose threads do not come out is ended.
   *
   * @throws IllegalArgumentException if there is no such enclave
   * @throws IllegalStateException if it is not initialised, or stopped already
   * @throws PlatformException if its process has died, or had to be ended
   */
  public void stop(EnclaveId id) {
    Enclave enclave = monitor.require(id);
    EnclaveState from = monitor.advance(enclave, EnclaveState.STOPPED, "stopped");
    if (from != EnclaveState.INITIALISED) {
      throw wrongState(enclave, EnclaveState.INITIALISED, from);
    }
    if (!enclave.expel(PATIENCE_NANOS)) {
      monitor.died(enclave, "a thread did not come out to stop");
      enclave.space().close();
      throw new PlatformException("enclave " + id + " was ended: a thread did not come out to stop");
    }
    enclave.lock.lock();
    boolean done = false;
    try {
      if (enclave.life.state() != EnclaveState.STOPPED) { // its process died, or it was removed
        done = true;
        throw wrongState(enclave, EnclaveState.STOPPED, enclave.life.state());
      }
      // While the machine stands still its tables cannot be changed, and leaves may want to: not with nothing granted.
      enclave.tables().withdrawAll();
      enclave.space().quiesce();
      enclave.standing = true;
      lineages.name(id, enclave.secs().eid());
      done = true;
    } finally {
      enclave.lock.unlock();
      if (!done) {
        monitor.died(enclave, "it could not be stopped");
      }
    }
  }

  /**
   * Lets a stopped enclave go on in place, as its next generation. What was written of it can no longer be restored
   * here.
   *
   * @return the id by which it is known from now on
   * @throws IllegalArgumentException if there is no such enclave
   * @throws IllegalStateException if it is not stopped
   * @throws PlatformException if its process has died
   */
  public EnclaveId resume(EnclaveId id) {
    Enclave enclave = monitor.require(id);
    enclave.lock.lock();
    boolean done = false;
    try {
      requireStanding(enclave);
      enclave.space().resume();
      enclave.standing = false;
      if (pager == null) { // else access is given as it is needed, and so it is seen what is used
        enclave.tables().follow(0, enclave.secs().pages().pages(), true);
      }
      EnclaveId next = lineages.next(id, enclave.secs().eid());
      enclave.id(next);
      enclave.secs().exclusive(false);
      if (enclave.life.reborn()) {
        monitor.changed(next, EnclaveState.STOPPED, EnclaveState.INITIALISED, "resumed");
      }
      done = true;
      return next;
    } catch (IllegalStateException e) {
      done = true;
      throw e;
    } finally {
      enclave.lock.unlock();
      if (!done) {
        monitor.died(enclave, "it could not be resumed");
      }
    }
  }

  /**
   * Writes all of a stopped enclave's state: with all its secrets, in plain text.
   *
   * @param followed whether {@link #writeChanges} is to be possible after it has been resumed. First writes to its
   *     pages cost more from then on
   * @throws IllegalArgumentException if there is no such enclave
   * @throws IllegalStateException if it is not stopped
   */
  public StateSummary write(EnclaveId id, WritableByteChannel to, boolean followed, StateProgress progress)
      throws IOException {
    Enclave enclave = monitor.require(id);
    enclave.lock.lock();
    try {
      requireStanding(enclave);
      StateSummary summary = write(enclave, to, enclave.space().touched(), null, progress);
      if (followed) {
        enclave.space().mark();
      }
      enclave.written = followed ? summary.digest() : null;
      return summary;
    } finally {
      enclave.lock.unlock();
    }
  }

  /**
   * Writes what has changed since the last stream that was written of an enclave, which was resumed and stopped since
   * then: {@link #restore} wants both, and all in between.
   *
   * @throws IllegalArgumentException if there is no such enclave
   * @throws IllegalStateException if it is not stopped, or nothing was written with the wish to be followed
   */
  public StateSummary writeChanges(EnclaveId id, WritableByteChannel to, StateProgress progress) throws IOException {
    Enclave enclave = monitor.require(id);
    enclave.lock.lock();
    try {
      requireStanding(enclave);
      Digest32 before = enclave.written;
      if (before == null) {
        throw new IllegalStateException("enclave " + id + ": expected a stream that the changes follow, found none");
      }
      StateSummary summary = write(enclave, to, enclave.space().written(), before, progress);
      enclave.space().mark();
      enclave.written = summary.digest();
      return summary;
    } finally {
      enclave.lock.unlock();
    }
  }

  private StateSummary write(
      Enclave enclave, WritableByteChannel to, BitSet pages, @Nullable Digest32 continues, StateProgress progress)
      throws IOException {
    try (StateWriter writer = new StateWriter(to, progress)) {
      PagedEnclave paged = enclave.paged();
      EpcmTable entries = enclave.secs().pages();
      long content = pager == null || paged == null ? pages.cardinality() : pager.held(paged);
      writer.begin(manifest(enclave), enclave.host.all(entries.pages()), content, continues);
      if (pager == null || paged == null) {
        for (long page = entries.nextValid(0); page >= 0; page = entries.nextValid(page + 1)) {
          writer.drain(page);
          tell(writer, enclave, page, pages.get((int) page));
        }
      } else {
        Pager all = pager;
        for (long next = all.next(paged, 0); next >= 0; next = all.next(paged, next + 1)) {
          long page = next;
          writer.drain(page);
          // What is evicted has content for all that is known.
          boolean holding = pages.get((int) page) || !EpcmEntry.valid(entries.bits(page));
          all.visit(paged, page, () -> tell(writer, enclave, page, holding));
        }
      }
      return writer.end();
    }
  }

  private static void tell(StateWriter writer, Enclave enclave, long page, boolean holding) {
    SecsPage secs = enclave.secs();
    int bits = secs.pages().bits(page);
    if (!EpcmEntry.valid(bits)) {
      return;
    }
    writer.entry(page, bits, secs.pages().epoch(page));
    TcsPage tcs = EntryRules.needsThread(bits) ? secs.threads().get(page) : null;
    if (tcs != null) {
      byte[] bytes = Arrays.copyOf(tcs.bytes(), ThreadState.TCS_BYTES);
      writer.thread(new ThreadState(page, bytes, tcs.savedFsBase, tcs.savedGsBase, tcs.savedTf));
    }
    if (holding && EntryRules.mayHold(bits)) {
      writer.content(page, secs.memory().segment());
    }
  }

  /**
   * Reads a state and makes it an enclave again: at the same linear addresses, with the same identity, one generation
   * later. Its shared memory is there and zero, its threads are outside, and who was interrupted can ERESUME. Keys are
   * the same if both monitors have the same {@link MonitorConfig#root}.
   *
   * @param full a stream of {@link #write}
   * @param changes streams of {@link #writeChanges}, in their order, none left out; only where the EPC has no limit
   * @throws org.enclavisor.monitor.state.MalformedStateException if one of them is no such stream; nothing is left
   * @throws PlatformException if the machine fails on the way; nothing is left of it
   */
  public RestoreOutcome restore(ReadableByteChannel full, List<ReadableByteChannel> changes, StateProgress progress)
      throws IOException {
    try (Restoration restoration =
        new Restoration(monitor, platform, config, cpu, epc, pager, lineages, enclaves, progress)) {
      String refusal = restoration.read(full);
      for (ReadableByteChannel change : changes) {
        if (refusal == null) {
          refusal = restoration.readChanges(change);
        }
      }
      if (refusal == null) {
        refusal = restoration.finish();
      }
      if (refusal != null) {
        return new RestoreOutcome.Refused(refusal);
      }
      Enclave enclave = restoration.enclave();
      monitor.advance(enclave, EnclaveState.INITIALISED, "restored");
      return new RestoreOutcome.Restored(enclave.id(), enclave.secs().base());
    }
  }

  private static void requireStanding(Enclave enclave) {
    EnclaveState state = enclave.life.state();
    if (state != EnclaveState.STOPPED || !enclave.standing) {
      throw wrongState(enclave, EnclaveState.STOPPED, state);
    }
  }

  private static IllegalStateException wrongState(Enclave enclave, EnclaveState expected, EnclaveState found) {
    String death = enclave.death();
    return new IllegalStateException(
        "enclave %s: expected it to be %s, found it %s%s"
            .formatted(enclave.id(), expected, found, death == null ? "" : " (" + death + ")"));
  }

  private EnclaveManifest manifest(Enclave enclave) {
    SecsPage secs = enclave.secs();
    long context = secs.context().get();
    return new EnclaveManifest(
        new Instance(
            lineages.name(enclave.id(), secs.eid()), enclave.id().instance(), enclave.id().generation()),
        new MachineNeeds(
            enclave.space().untrustedBase(),
            enclave.space().untrusted().byteSize(),
            enclave.maxThreads(),
            Restoration.components(cpu, secs.xfrm())),
        new SecsState(
            secs.secs(),
            secs.eid(),
            secs.tracking().epoch(),
            context == 0 || context == secs.address() ? OptionalLong.empty() : OptionalLong.of(context),
            secs.virtualChildren().get(),
            secs.isvFamilyId(),
            secs.isvExtProdId()));
  }
}
