package org.enclavisor.host;

import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.enclavisor.host.CallObserver.Direction;
import org.enclavisor.host.CallObserver.UnderWay;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.host.edl.EdlFunction;
import org.enclavisor.host.marshal.EcallFrame;
import org.enclavisor.host.marshal.FunctionPlan;
import org.enclavisor.host.marshal.TextArguments;
import org.enclavisor.host.marshal.TypeTable;
import org.enclavisor.host.marshal.UnknownTypeException;
import org.enclavisor.host.sdk.CallArena;
import org.enclavisor.host.sdk.CallOutcome;
import org.enclavisor.host.sdk.CallPosition;
import org.enclavisor.host.sdk.CallRecord;
import org.enclavisor.host.sdk.RuntimeState.HostThread;
import org.enclavisor.host.sdk.SdkRuntime;
import org.enclavisor.host.sdk.TcsSlot;
import org.enclavisor.image.EnclaveImage;
import org.enclavisor.isa.Attributes;
import org.enclavisor.monitor.EnclaveId;
import org.enclavisor.monitor.SgxDevice;
import org.enclavisor.monitor.spi.PlatformException;
import org.jspecify.annotations.Nullable;

/**
 * An enclave that runs. Its ECALLs are called through an interface ({@link #bind}) or by name ({@link #call}); its
 * OCALLs are served by methods of the objects given to {@link #bind} or {@link #serve}.
 *
 * <p>Thread-safe: as many threads may be inside as the enclave has TCS. An ECALL from within an OCALL stays on the TCS
 * of its thread. {@link #close} may be called by any thread and ends the calls under way with
 * {@link EnclaveLostException}.
 */
public final class Enclave implements AutoCloseable {
  private final Enclavisor owner;
  private final SgxDevice device;
  private volatile EnclaveId id;
  private final EnclaveImage image;
  private final Edl edl;
  private final SdkRuntime runtime;
  private final TypeTable types;
  private final OcallTable ocalls;
  private final Observation observation;
  private final FunctionNames names;
  private final Map<Integer, FunctionPlan> plans = new ConcurrentHashMap<>();
  private final AtomicBoolean open = new AtomicBoolean(true);
  private volatile @Nullable String lost;
  private volatile List<PendingCall> pending = List.of();

  Enclave(
      Enclavisor owner, SgxDevice device, Loader.Loaded loaded, EnclaveImage image, Edl edl, HostConfig config,
      List<Long> threads, List<Long> laterThreads) {
    this.owner = owner;
    this.device = device;
    this.image = image;
    this.edl = edl;
    id = loaded.id();
    observation = new Observation(id, config.observer());
    types = new TypeTable(edl);
    names = new FunctionNames(edl.ecalls().stream().map(EdlFunction::name).toList());
    ocalls = new OcallTable(this, edl, types, owner.machine());
    boolean bound = image.metadata().map(metadata -> metadata.tcsPolicy() == 0).orElse(false);
    runtime =
        new SdkRuntime(
            device,
            id,
            loaded.base(),
            threads,
            laterThreads,
            new SdkRuntime.Config(
                config.stackBytes(), config.heapBytes(), bound, config.patience(),
                image.secs().attributes().has(Attributes.AEXNOTIFY)),
            ocalls);
  }

  /** Runs the enclave's own start code. */
  void start() {
    boolean dynamic = image.metadata().map(metadata -> metadata.forDynamicMemory()).orElse(false);
    switch (runtime.initialize(owner.machine(), dynamic)) {
      case CallOutcome.Lost gone ->
          throw new LoadException(
              image.name() + ": start code", "success", gone.reason(),
              "run it with enclavisor trace to see where it stops", null);
      case CallOutcome.Returned returned -> {
        if (returned.status() != SgxStatus.SGX_SUCCESS.code()) {
          throw new LoadException(
              image.name() + ": start code", "success", SgxStatus.describe(returned.status()),
              "run it with enclavisor trace to see where it stops", null);
        }
      }
    }
  }

  /** What was loaded. */
  public EnclaveImage image() {
    return image;
  }

  /** Its interface. */
  public Edl edl() {
    return edl;
  }

  /** What the monitor calls it. */
  public EnclaveId id() {
    return id;
  }

  /** What stands between this program and the monitor; evidence carries it. */
  public Isolation isolation() {
    return owner.isolation();
  }

  SdkRuntime runtime() {
    return runtime;
  }

  Observation observation() {
    return observation;
  }

  /**
   * Makes the ECALLs callable through an interface, and serves OCALLs with the public methods of objects.
   *
   * <p>An abstract method calls the ECALL of the same name, or the one whose name in lower camel case ({@code
   * ecall_sum_all}, {@code ecallSumAll}) is the method's, if there is but one. The same goes for OCALLs, whose methods
   * may have an {@link OcallContext} as first parameter. Types: numbers for numbers (a wider or equally wide one for an
   * unsigned one), boolean for whole numbers, enums (by the names of their constants, else by ordinal) and ints for
   * enumerations, String or byte[] for strings, arrays, MemorySegment, {@link Ref} or records for buffers and
   * structures, {@link UntrustedBuffer} or long for {@code user_check}. What is {@code out} has to be an array,
   * MemorySegment or {@link Ref}.
   *
   * @throws WrongUseException if a method has no ECALL, or as many parameters as it cannot have
   */
  public <T> T bind(Class<T> type, Object... servants) {
    serve(servants);
    if (!type.isInterface()) {
      throw new WrongUseException("bind: expected an interface, found " + type.getName());
    }
    var calls = new BoundInterface(this, type);
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, calls));
  }

  /** Serves OCALLs with the public methods of objects. What served them before is replaced. */
  public void serve(Object... servants) {
    for (Object servant : servants) {
      if (servant instanceof OcallHandler handler) {
        ocalls.serveOthers(handler);
      } else {
        ocalls.serve(servant);
      }
    }
  }

  /**
   * Calls an ECALL by its name.
   *
   * @param arguments one for each parameter, of the types that {@link #bind} names
   * @throws WrongUseException if there is no such ECALL, or the arguments do not fit
   * @throws EnclaveException if it ends with a status other than success
   * @throws OcallFailedException if an OCALL failed on the way
   * @throws EnclaveLostException if the enclave is gone
   */
  public CallResult call(String function, @Nullable Object... arguments) {
    return call(plan(function), arguments);
  }

  /**
   * Calls an ECALL by its name, with arguments as a person types them; see {@link TextArguments}.
   *
   * @throws WrongUseException if there is no such ECALL, or the arguments do not fit
   */
  public CallResult callText(String function, List<String> arguments) {
    FunctionPlan plan = plan(function);
    return call(plan, TextArguments.parse(plan, arguments));
  }

  private CallResult call(FunctionPlan plan, @Nullable Object[] arguments) {
    var refTypes = new Class<?>[arguments.length];
    java.util.Arrays.fill(refTypes, Object.class);
    var outputs = new java.util.LinkedHashMap<String, Object>();
    Object value = invoke(plan, arguments, Object.class, refTypes, outputs);
    return new CallResult(value, plan.function().signature().returnType(), outputs);
  }

  /** Shared memory for {@code user_check} pointers. Throws {@link WrongUseException} if there is not so much. */
  public UntrustedBuffer buffer(long bytes) {
    requireCallable("buffer");
    OptionalLong address = bytes < 0 ? OptionalLong.empty() : runtime.heap().allocate(bytes);
    if (address.isEmpty()) {
      throw new WrongUseException(
          "buffer: expected up to what the shared heap has left, found %d bytes (%d in use); see HostConfig.heapBytes"
              .formatted(bytes, runtime.heap().usedBytes()));
    }
    return new UntrustedBuffer(runtime, address.getAsLong(), bytes);
  }

  /** The name in C of the ECALL that a name means. */
  String ecallName(String name) {
    return names
        .find(name)
        .orElseThrow(
            () ->
                new WrongUseException(
                    "ECALL %s: expected one of %s, found none of this name".formatted(name, names.all())));
  }

  FunctionPlan plan(String function) {
    int index = edl.ecallIndex(ecallName(function));
    try {
      return plans.computeIfAbsent(index, i -> new FunctionPlan(edl.ecalls().get(i), i, types));
    } catch (UnknownTypeException e) {
      throw new WrongUseException("ECALL " + function + ": " + e.getMessage());
    }
  }

  private void requireCallable(String what) {
    if (!open.get()) {
      throw new WrongUseException(what + ": expected an open enclave, found a closed one");
    }
    if (image.kind() != EnclaveImage.Kind.INTEL_SDK) {
      throw new WrongUseException(
          what
              + ": expected an enclave with the calling convention of the Intel SDK, found one of kind "
              + image.kind()
              + ", which can be loaded and measured but not called");
    }
    String reason = lost;
    if (reason != null) {
      throw new EnclaveLostException(what + ": the enclave is gone: " + reason, null);
    }
  }

  /**
   * Makes an ECALL.
   *
   * @param outputs takes what was handed back by name, or null
   */
  @Nullable Object invoke(
      FunctionPlan plan,
      @Nullable Object[] arguments,
      Class<?> resultType,
      Class<?>[] refTypes,
      @Nullable Map<String, Object> outputs) {
    String name = plan.function().name();
    requireCallable("ECALL " + name);
    boolean isPublic = ((EdlFunction.Trusted) plan.function()).isPublic();
    if (!isPublic && runtime.depth() == 0) {
      throw new WrongUseException(
          "ECALL " + name + ": expected a public one outside of OCALLs, found a private one");
    }
    Optional<TcsSlot> acquired = runtime.acquire();
    if (acquired.isEmpty()) {
      requireCallable("ECALL " + name);
      throw new EnclaveException(name, SgxStatus.SGX_ERROR_OUT_OF_TCS.code());
    }
    TcsSlot slot = acquired.get();
    Activation activation = Activation.begin(this, name);
    UnderWay underWay = observation.begins(slot.address(), Direction.ECALL, plan.index(), name);
    int status = UnderWay.NOT_RETURNED;
    try (CallArena arena = runtime.arena(slot)) {
      EcallFrame frame = EcallFrame.write(plan, arguments, arena);
      if (activation.isOutermost()) {
        slot.record(frame::record);
      }
      CallOutcome outcome = runtime.ecall(slot, plan.index(), frame.address(), arena);
      status = outcome instanceof CallOutcome.Returned returned ? returned.status() : UnderWay.NOT_RETURNED;
      finish(name, activation, slot, outcome);
      Object value = frame.finish(resultType, refTypes);
      if (outputs != null) {
        outputs.putAll(frame.outputs());
      }
      return value;
    } catch (CallArena.OutOfSharedMemoryException e) {
      throw new WrongUseException("ECALL " + name + ": " + e.getMessage());
    } catch (UnknownTypeException e) {
      throw new WrongUseException("ECALL " + name + ": " + e.getMessage());
    } catch (PlatformException e) {
      throw new EnclaveLostException("ECALL " + name + ": " + e.getMessage(), e);
    } catch (IllegalStateException e) {
      if (open.get()) {
        throw e;
      }
      // The shared memory went away under the call.
      throw new EnclaveLostException("ECALL " + name + ": the enclave was closed", e);
    } finally {
      if (underWay != null) {
        underWay.ended(status);
      }
      activation.end();
      runtime.release(slot);
    }
  }

  /** Goes on with a call that another process has begun. */
  CallResult finish(PendingCall call) {
    HostThread thread = call.thread();
    CallRecord record = Objects.requireNonNull(thread.call());
    FunctionPlan plan = plan(call.ecall());
    requireCallable("ECALL " + call.ecall());
    TcsSlot slot = runtime.takeUp(thread.tcs());
    Activation activation = Activation.begin(this, call.ecall());
    try (CallArena arena = runtime.arena(slot)) {
      arena.adopt(record.pieces());
      EcallFrame frame = EcallFrame.adopt(plan, record, arena);
      slot.record(frame::record);
      finish(call.ecall(), activation, slot, runtime.proceed(slot, Objects.requireNonNull(thread.position())));
      return new CallResult(frame.finishRaw(), plan.function().signature().returnType(), frame.outputs());
    } catch (PlatformException e) {
      throw new EnclaveLostException("ECALL " + call.ecall() + ": " + e.getMessage(), e);
    } catch (IllegalStateException e) {
      if (open.get()) {
        throw e;
      }
      throw new EnclaveLostException("ECALL " + call.ecall() + ": the enclave was closed", e);
    } finally {
      activation.end();
      runtime.release(slot);
    }
  }

  /**
   * Lets no thread enter any more; who is inside stays there until the monitor stops the enclave or the call ends, and
   * calls and OCALLs that begin wait. Before the monitor stops an enclave, its host pauses it: else its calls end as
   * refused.
   *
   * @param patience how long to wait for OCALLs that are being served
   * @return whether none is any more; if not, what they ask of a stopped enclave is refused, and there is no {@link
   *     #snapshot}. One that makes an ECALL itself does not count here: that waits
   */
  public boolean pause(Duration patience) {
    return runtime.pause(patience);
  }

  /** Ends {@link #pause}: all calls go on, with the enclave as the monitor calls it now. */
  public void proceed(EnclaveId next) {
    id = next;
    runtime.proceed(next);
  }

  /**
   * The host's side of a paused enclave that the monitor has stopped.
   *
   * @param patience how long to wait for OCALLs under way to end
   * @throws WrongUseException if a call is in an OCALL still, or made from one: where the program's own Java stands is
   *     no value
   */
  public HostSnapshot snapshot(Duration patience) {
    return new HostSnapshot(runtime.state(patience));
  }

  /** Takes over what the host in another process has remembered. */
  void adopt(HostSnapshot snapshot) {
    runtime.adopt(snapshot.state());
    var calls = new ArrayList<PendingCall>();
    for (HostThread thread : snapshot.state().threads()) {
      CallRecord record = thread.call();
      CallPosition position = thread.position();
      if (record == null || position == null) {
        continue;
      }
      if (record.index() < 0) {
        runtime.takeUpThread(thread.tcs(), record, position);
      } else if (record.index() < edl.ecalls().size()) {
        calls.add(new PendingCall(this, edl.ecalls().get(record.index()).name(), thread));
      } else {
        throw new WrongUseException(
            "snapshot: expected calls of %d ECALLs, found number %d".formatted(edl.ecalls().size(), record.index()));
      }
    }
    pending = List.copyOf(calls);
  }

  /** The calls that another process had begun, each to be finished by some thread of this one. */
  public List<PendingCall> pendingCalls() {
    return pending;
  }

  private void finish(String name, Activation activation, TcsSlot slot, CallOutcome outcome) {
    switch (outcome) {
      case CallOutcome.Lost gone -> {
        if (gone.dead()) {
          lost = gone.reason();
        }
        throw new EnclaveLostException("ECALL " + name + ": " + gone.reason(), activation.failure());
      }
      case CallOutcome.Returned returned -> {
        if (activation.failure() != null) {
          throw new OcallFailedException(name, activation.failedOcall(), returned.status(), activation.failure());
        }
        if (returned.status() != SgxStatus.SGX_SUCCESS.code()) {
          throw new EnclaveException(name, returned.status(), SdkRuntime.describe(slot.lastFault()));
        }
      }
    }
  }

  /** Ends the enclave and every call under way. Idempotent. */
  @Override
  public void close() {
    if (open.compareAndSet(true, false)) {
      runtime.close();
      device.remove(id);
      owner.forget(this);
    }
  }

  @Override
  public String toString() {
    return "Enclave[" + image.name() + ", " + id + (open.get() ? "]" : ", closed]");
  }
}
