package org.enclavisor.conformance.campaign;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import org.enclavisor.conformance.LeafResult;
import org.enclavisor.conformance.LogicalProcessor;
import org.enclavisor.conformance.Registers;
import org.enclavisor.conformance.SgxMachine;
import org.enclavisor.conformance.probe.Command;
import org.enclavisor.isa.Pageinfo;
import org.enclavisor.isa.SgxError;

/**
 * Leaves on the same pages from several threads at once, really at once. Nobody can foretell what comes of it, so only
 * this is asked: every answer is one that the manual gives the leaf, nothing gets lost, and afterwards every page and
 * both enclaves can be removed, which they cannot if a lock, a count or an entry has gone wrong.
 */
public final class Stampede {
  private static final VarHandle U64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int PAGE = Layout.PAGE;
  private static final int ENCLAVES = 2;
  /** Each has a TCS of its own. */
  private static final int THREADS = 4;
  private static final long HOST_RIP = 0x5000_0000_1000L;
  private static final int[] PAGES = {11, 12, 15, 10, 3, 1};

  private final SgxMachine machine;
  private final Layout layout;
  private final World.Place[] places = new World.Place[ENCLAVES];
  private final long array;
  private final Set<String> violations = new ConcurrentSkipListSet<>();

  private Stampede(SgxMachine machine) {
    this.machine = machine;
    layout = new Layout(machine.probe());
    array = machine.epcPage();
    require("EPA", machine.encls(0xa, 3, array, 0));
    long area = machine.allocate(8 * PAGE);
    for (int i = 0; i < ENCLAVES; i++) {
      places[i] = new World.Place(machine.epcPage(), true);
      build(places[i], area);
    }
  }

  /**
   * Runs it.
   *
   * @param steps of each thread
   * @return what should not have happened, sorted; nothing if all is well
   */
  public static Set<String> run(SgxMachine machine, long steps, long seed) throws InterruptedException {
    var stampede = new Stampede(machine);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      int number = i;
      threads.add(Thread.ofPlatform().daemon().start(() -> stampede.runner(number, steps, seed)));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    stampede.removeAll();
    return new TreeSet<>(stampede.violations);
  }

  private void require(String what, LeafResult result) {
    if (!(result instanceof LeafResult.Done done) || done.rax() != 0) {
      violations.add(what + ": " + result);
    }
  }

  private void build(World.Place place, long area) {
    byte[] secinfo = new byte[64];
    place.base = machine.elrange(Layout.SIZE);
    machine.write(area, new Pageinfo(0, area + PAGE, area + 2 * PAGE, 0).toBytes());
    machine.write(area + PAGE, layout.secs(place.base, place.debug).toBytes());
    machine.write(area + 2 * PAGE, secinfo);
    require("ECREATE", machine.encls(0, area, place.secs, 0));
    place.shared = machine.shared(place.secs);
    for (int page = 0; page < Layout.PAGES; page++) {
      place.pages[page] = machine.epcPage(place.secs, place.at(page));
    }
    for (int page : Layout.ORDER) {
      U64.set(secinfo, 0, layout.flags[page]);
      machine.write(area, new Pageinfo(place.at(page), area + PAGE, area + 2 * PAGE, place.secs).toBytes());
      machine.write(area + PAGE, layout.content[page]);
      machine.write(area + 2 * PAGE, secinfo);
      require("EADD", machine.encls(1, area, place.pages[page], 0));
      if (page == 0) {
        require("EEXTEND", machine.encls(6, place.secs, place.pages[0], 0));
      }
    }
    machine.write(area + 4 * PAGE, layout.signature(0));
    machine.write(area + 6 * PAGE, new byte[PAGE]);
    require("EINIT", machine.encls(2, area + 4 * PAGE, place.secs, area + 6 * PAGE));
  }

  private void runner(int number, long steps, long seed) {
    var random = new SplittableRandom(seed + number);
    try (LogicalProcessor cpu = machine.processor()) {
      var one = new Runner(number, random, cpu);
      for (long i = 0; i < steps; i++) {
        one.step();
      }
      one.out();
    } catch (RuntimeException e) {
      violations.add("thread " + number + ": " + e);
    }
  }

  private void removeAll() {
    for (World.Place place : places) {
      for (long page : place.pages) {
        require("EREMOVE of a page", machine.encls(3, 0, page, 0));
      }
      require("EREMOVE of a SECS", machine.encls(3, 0, place.secs, 0));
    }
    require("EREMOVE of a version array", machine.encls(3, 0, array, 0));
  }

  /** One thread: a processor, operands and places for evicted pages of its own. Confined to it. */
  private final class Runner {
    private final int number;
    private final SplittableRandom random;
    private final LogicalProcessor cpu;
    private final World.Place home;
    private final int tcs;
    private final long area = machine.allocate(16 * PAGE);
    private final int[] stored = {-1, -1, -1, -1};

    Runner(int number, SplittableRandom random, LogicalProcessor cpu) {
      this.number = number;
      this.random = random;
      this.cpu = cpu;
      home = places[number % ENCLAVES];
      tcs = number / ENCLAVES == 0 ? Layout.TCS : Layout.TCS2;
    }

    void step() {
      int page = PAGES[random.nextInt(PAGES.length)];
      World.Place place = random.nextInt(4) == 0 ? places[random.nextInt(ENCLAVES)] : home;
      switch (random.nextInt(16)) {
        case 0, 1 -> encls(Op.EBLOCK, 0, place.pages[page], 0);
        case 2 -> encls(Op.ETRACK, 0, place.secs, 0);
        case 3 -> encls(Op.ETRACKC, 0, place.pages[page], 0);
        case 4, 5 -> evict(place, page);
        case 6, 7 -> load();
        case 8 -> {
          machine.write(area, new Pageinfo(place.at(page), 0, 0, place.secs).toBytes());
          encls(Op.EAUG, area, place.pages[page], 0);
        }
        case 9 -> secinfo(Op.EMODPR, place.pages[page], 7 + random.nextInt(5));
        case 10 -> secinfo(Op.EMODT, place.pages[PAGES[random.nextInt(3)]], 6);
        case 11 -> encls(Op.EREMOVE, 0, place.pages[PAGES[random.nextInt(3)]], 0);
        case 12 -> encls(Op.ERDINFO, area + PAGE, place.pages[page], 0);
        default -> inside(page);
      }
    }

    private void secinfo(Op op, long page, int variant) {
      byte[] secinfo = new byte[64];
      U64.set(secinfo, 0, Layout.SECINFO[variant]);
      machine.write(area + 2 * PAGE, secinfo);
      encls(op, area + 2 * PAGE, page, 0);
    }

    private long slot(int record) {
      return array + 8L * (4 * number + record);
    }

    private void evict(World.Place place, int page) {
      int record = random.nextInt(stored.length);
      if (stored[record] >= 0) {
        return;
      }
      machine.write(area, new Pageinfo(0, area + (4L + record) * PAGE, area + (8L + record) * PAGE, 0).toBytes());
      if (encls(Op.EWB, area, place.pages[page], slot(record)).equals("success")) {
        stored[record] = (place == places[0] ? 0 : 256) + page;
      }
    }

    private void load() {
      int record = random.nextInt(stored.length);
      if (stored[record] < 0) {
        return;
      }
      World.Place place = places[stored[record] >> 8];
      int page = stored[record] & 255;
      machine.write(
          area,
          new Pageinfo(place.at(page), area + (4L + record) * PAGE, area + (8L + record) * PAGE, place.secs).toBytes());
      String outcome = encls(Op.ELDU, area, place.pages[page], slot(record));
      if (outcome.equals("success")) {
        stored[record] = -1;
      } else if (outcome.equals("SGX_MAC_COMPARE_FAIL")) {
        violations.add("a page that nobody touched cannot be loaded");
      }
    }

    private String encls(Op op, long rbx, long rcx, long rdx) {
      return judge(op, machine.encls(op.leaf(), rbx, rcx, rdx));
    }

    private String judge(Op op, LeafResult result) {
      String name = Driver.name(op, result);
      boolean known = Outcomes.REACHABLE.get(op).contains(name)
          || name.equals(SgxError.SGX_EPC_PAGE_CONFLICT.name()) && op != Op.EWB;
      if (!known) {
        violations.add(op + ": " + name);
      }
      return name;
    }

    private void inside(int page) {
      if (!cpu.inside()) {
        Op op = random.nextInt(3) == 0 ? Op.ERESUME : Op.EENTER;
        LogicalProcessor.Event event =
            cpu.enter(op.leaf(), home.at(tcs), HOST_RIP, home.block(tcs), host(home.block(tcs)));
        if (event instanceof LogicalProcessor.Lost lost) {
          violations.add("lost: " + lost.reason());
        }
        return;
      }
      long address = home.at(page);
      long secinfo = home.at(Layout.SECINFOS) + 64L * random.nextInt(Layout.SECINFO.length);
      switch (random.nextInt(8)) {
        case 0, 1, 2 -> command(Op.EACCEPT, Command.enclu(5, secinfo, address, 0));
        case 3 -> command(Op.EACCEPTCOPY, Command.enclu(7, secinfo, address, home.at(Layout.RWX)));
        case 4 -> command(Op.EMODPE, Command.enclu(6, secinfo, address, 0));
        case 5 -> command(Op.WRITE, Command.write(address + 3072, number));
        case 6 -> command(Op.READ, Command.read(address + 3072));
        default -> out();
      }
    }

    private void command(Op op, Command command) {
      switch (cpu.command(command)) {
        case LogicalProcessor.Inside _ -> {
          if (op != Op.READ && op != Op.WRITE) {
            judge(op, cpu.results().done());
          }
        }
        case LogicalProcessor.Aex(LeafResult.Fault fault, var _) when fault != null -> judge(op, fault);
        case LogicalProcessor.Lost lost -> violations.add("lost: " + lost.reason());
        default -> {}
      }
    }

    private Registers host(long block) {
      Registers r = new Registers();
      r.rip = HOST_RIP;
      r.rdi = block;
      r.rsp = block + Command.BLOCK - 64;
      return r;
    }

    void out() {
      if (cpu.inside() && !(cpu.command(Command.enclu(4, HOST_RIP, 0, 0)) instanceof LogicalProcessor.Exited)) {
        violations.add("EEXIT does not lead out");
      }
    }
  }
}
