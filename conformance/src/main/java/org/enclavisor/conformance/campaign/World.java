package org.enclavisor.conformance.campaign;

import java.util.Arrays;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.SgxMachine;
import org.enclavisor.conformance.model.ModelMachine;
import org.enclavisor.conformance.rules.Signers;

/**
 * What the campaign's operating system remembers, on a machine and its twin: three enclaves, two version arrays, three
 * logical processors, twelve places for evicted pages. Confined to one thread.
 */
final class World implements AutoCloseable {
  static final int ENCLAVES = 3;
  static final int ARRAYS = 2;
  static final int CPUS = 3;
  static final int RECORDS = 12;
  static final int PAGE = Layout.PAGE;
  static final int AREA = 64 * PAGE;

  /** An enclave's place. */
  static final class Place {
    final long secs;
    final boolean debug;
    boolean made;
    long base;
    long shared;
    final long[] pages = new long[Layout.PAGES];

    Place(long secs, boolean debug) {
      this.secs = secs;
      this.debug = debug;
    }

    long at(int page) {
      return base + (long) page * PAGE;
    }

    /** The command block of a TCS in this page. */
    long block(int page) {
      return shared + (long) page * PAGE;
    }
  }

  /** Where an evicted page came from; −1: the record is empty. */
  static final class Record {
    int enclave = -1;
    int page;
  }

  /** Where a logical processor is; enclave −1: outside. */
  static final class Cpu {
    final LogicalProcessor machine;
    final LogicalProcessor model;
    int enclave = -1;
    int tcs;

    Cpu(LogicalProcessor machine, LogicalProcessor model) {
      this.machine = machine;
      this.model = model;
    }
  }

  final SgxMachine machine;
  final ModelMachine model;
  final Layout layout;
  final Place[] places = new Place[ENCLAVES];
  final long[] arrays = new long[ARRAYS];
  final Record[] records = new Record[RECORDS];
  final Cpu[] cpus = new Cpu[CPUS];
  final long spare;
  private final long area;

  /**
   * An empty world.
   *
   * @param area {@link #AREA} bytes of the machine's ordinary memory
   */
  World(SgxMachine machine, Layout layout, long area) {
    this.machine = machine;
    this.layout = layout;
    model = ModelMachine.twinOf(machine);
    if (machine.features().launchKeyHashFixed()) {
      model.launchKeyHash(Signers.authorised());
    }
    this.area = area;
    machine.write(area, new byte[AREA]);
    model.adoptMemory(area, AREA);
    for (int i = 0; i < ENCLAVES; i++) {
      places[i] = new Place(loose(), i == 0);
    }
    for (int i = 0; i < ARRAYS; i++) {
      arrays[i] = loose();
    }
    spare = loose();
    for (int i = 0; i < RECORDS; i++) {
      records[i] = new Record();
    }
    for (int i = 0; i < CPUS; i++) {
      cpus[i] = new Cpu(machine.processor(), model.processor());
    }
  }

  private long loose() {
    long page = machine.epcPage();
    model.adoptPage(page);
    return page;
  }

  long pageinfo() {
    return area;
  }

  long secinfo() {
    return area + PAGE;
  }

  long source() {
    return area + 2 * PAGE;
  }

  long sigstruct() {
    return area + 4 * PAGE;
  }

  long token() {
    return area + 6 * PAGE;
  }

  long rdinfo() {
    return area + 8 * PAGE;
  }

  long evicted(int record) {
    return area + (long) (16 + record) * PAGE;
  }

  long pcmd(int record) {
    return area + (long) (32 + record) * PAGE;
  }

  /** Writes to both. */
  void write(long address, byte[] bytes) {
    machine.write(address, bytes);
    model.write(address, bytes);
  }

  /** After ECREATE succeeded. */
  void made(Place place, long base) {
    place.made = true;
    place.base = base;
    place.shared = machine.shared(place.secs);
    model.adoptMemory(place.shared, SgxMachine.SHARED_BYTES);
    for (int page = 0; page < Layout.PAGES; page++) {
      place.pages[page] = machine.epcPage(place.secs, place.at(page));
      model.adoptPage(place.pages[page]);
    }
  }

  /** After EREMOVE of the SECS. */
  void gone(Place place) {
    place.made = false;
    Arrays.stream(place.pages).forEach(model::forgetPage);
    model.forgetMemory(place.shared, SgxMachine.SHARED_BYTES);
    for (Record record : records) {
      if (record.enclave >= 0 && places[record.enclave] == place) {
        record.enclave = -1;
      }
    }
  }

  @Override
  public void close() {
    for (Cpu cpu : cpus) {
      if (cpu.machine.inside()) {
        cpu.machine.interrupt();
      }
    }
    for (Place place : places) {
      for (int page = 0; page < Layout.PAGES && place.made; page++) {
        machine.encls(3, 0, place.pages[page], 0);
      }
      if (place.made) {
        while (machine.features().has(Features.ENCLV)
            && machine.enclv(0, place.secs, place.secs, 0) instanceof
                LeafResult.Done d && d.rax() == 0) {
          continue;
        }
        machine.encls(3, 0, place.secs, 0);
      }
      machine.release(place.secs);
    }
    for (long array : arrays) {
      machine.encls(3, 0, array, 0);
      machine.release(array);
    }
    machine.encls(3, 0, spare, 0);
    machine.release(spare);
    for (Cpu cpu : cpus) {
      cpu.machine.close();
    }
  }
}
