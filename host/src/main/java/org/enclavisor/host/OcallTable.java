package org.enclavisor.host;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.enclavisor.host.CallObserver.Direction;
import org.enclavisor.host.CallObserver.UnderWay;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.host.edl.EdlFunction;
import org.enclavisor.host.marshal.FunctionPlan;
import org.enclavisor.host.marshal.OcallFrame;
import org.enclavisor.host.marshal.TypeTable;
import org.enclavisor.host.sdk.OcallGate;
import org.enclavisor.host.sdk.TcsSlot;
import org.enclavisor.monitor.spi.Machine;
import org.jspecify.annotations.Nullable;

/**
 * Who serves which OCALL: a Java method; else, for those of the SDK's own libraries, we; else the handler for all
 * others. Thread-safe.
 */
final class OcallTable implements OcallGate {
  private static final System.Logger LOG = System.getLogger(OcallTable.class.getName());

  private final Enclave enclave;
  private final Edl edl;
  private final TypeTable types;
  private final FunctionNames names;
  private final BuiltInOcalls builtIn;
  private final Map<Integer, FunctionPlan> plans = new ConcurrentHashMap<>();
  private final Map<String, OcallServant> servants = new ConcurrentHashMap<>();
  private volatile @Nullable OcallHandler others;

  OcallTable(Enclave enclave, Edl edl, TypeTable types, Machine machine) {
    this.enclave = enclave;
    this.edl = edl;
    this.types = types;
    names = new FunctionNames(edl.ocalls().stream().map(EdlFunction::name).toList());
    builtIn = new BuiltInOcalls(machine);
  }

  /** Serves OCALLs with the public methods of an object that have the name of one. */
  void serve(Object servant) {
    int found = 0;
    for (Method method : servant.getClass().getMethods()) {
      if (method.getDeclaringClass() == Object.class || Modifier.isStatic(method.getModifiers()) || method.isBridge()) {
        continue;
      }
      var name = names.find(method.getName());
      if (name.isPresent()) {
        servants.put(name.get(), JavaOcall.of(edl.ocalls().get(edl.ocallIndex(name.get())), servant, method));
        found++;
      }
    }
    if (found == 0) {
      throw new WrongUseException(
          "%s: expected a public method with the name of one of the OCALLs %s, found none"
              .formatted(servant.getClass().getName(), names.all()));
    }
  }

  void serveOthers(OcallHandler handler) {
    others = handler;
  }

  @Override
  public int ocall(int index, long ms, TcsSlot slot) {
    if (index < 0 || index >= edl.ocalls().size()) {
      return SgxStatus.SGX_ERROR_INVALID_FUNCTION.code();
    }
    String name = edl.ocalls().get(index).name();
    UnderWay underWay = enclave.observation().begins(slot.address(), Direction.OCALL, index, name);
    int status = serve(index, name, ms);
    if (underWay != null) {
      underWay.ended(status);
    }
    return status;
  }

  private int serve(int index, String name, long ms) {
    try {
      FunctionPlan plan = plans.computeIfAbsent(index, i -> new FunctionPlan(edl.ocalls().get(i), i, types));
      var frame = new OcallFrame(plan, ms, enclave.runtime().memory());
      var context = new OcallContext(enclave, name);
      frame.finish(servant(name).serve(context, frame), context.errno());
      return SgxStatus.SGX_SUCCESS.code();
    } catch (OcallServant.FailedException e) {
      return failed(name, e.getCause());
    } catch (RuntimeException | Error e) {
      // Whatever happened: the enclave has to be told and left in order, or its TCS is lost. The caller of the ECALL
      // gets to see it.
      return failed(name, e);
    }
  }

  private OcallServant servant(String name) {
    OcallServant own = servants.get(name);
    if (own != null) {
      return own;
    }
    OcallServant ours = builtIn.find(name);
    if (ours != null) {
      return ours;
    }
    OcallHandler handler = others;
    if (handler != null) {
      return (context, frame) -> {
        var arguments = new LinkedHashMap<String, @Nullable Object>();
        for (int i = 0; i < frame.size(); i++) {
          arguments.put(frame.name(i), frame.argument(i, Object.class, Object.class));
        }
        return handler.handle(context, arguments);
      };
    }
    throw new WrongUseException(
        "OCALL %s: expected an object with a public method of this name, given to bind or serve, found none"
            .formatted(name));
  }

  private int failed(String name, Throwable thrown) {
    Activation activation = Activation.of(enclave);
    if (activation == null) {
      LOG.log(System.Logger.Level.WARNING, "OCALL " + name + " failed on a thread that the enclave started", thrown);
    } else {
      activation.failed(name, thrown);
    }
    return SgxStatus.SGX_ERROR_UNEXPECTED.code();
  }
}
