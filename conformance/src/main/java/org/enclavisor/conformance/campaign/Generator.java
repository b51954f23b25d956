package org.enclavisor.conformance.campaign;

import java.util.ArrayDeque;
import java.util.random.RandomGenerator;
import org.enclavisor.conformance.Features;
import org.enclavisor.conformance.model.ModelMachine;

/**
 * Thinks of steps: mostly of such as could work in the state that the model is in, sometimes of any. Confined to one
 * thread.
 */
final class Generator {
  private static final long BLOCKED = Long.MIN_VALUE;
  private static final long PENDING = 8;
  private static final long MODIFIED = 16;
  private static final int REG = 2;
  private static final int[] DYNAMIC = {11, 12, 15, 10, 3};

  private final RandomGenerator random;
  private final World world;
  private final ModelMachine model;
  private final ArrayDeque<Step> plan = new ArrayDeque<>();
  private final int[] age = new int[World.ENCLAVES];

  Generator(RandomGenerator random, World world) {
    this.random = random;
    this.world = world;
    this.model = world.model;
    plan.add(step(Op.EUPDATESVN, 0, 0, 0));
  }

  private int below(int bound) {
    return random.nextInt(bound);
  }

  private boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  private static Step step(Op op, int enclave, int page, int variant) {
    return new Step(op, 0, enclave, page, variant, 0);
  }

  Step next() {
    if (!plan.isEmpty()) {
      return plan.poll();
    }
    int enclave = below(World.ENCLAVES);
    if (!world.places[enclave].made && chance(40)) {
      build(enclave);
      return plan.poll();
    }
    if (world.places[enclave].made && ++age[enclave] > 400) {
      age[enclave] = 0;
      destroy(enclave);
      return plan.poll();
    }
    Step step = chance(55) ? inside() : outside(enclave);
    return chance(12) ? spoiled(step) : step;
  }

  private Step spoiled(Step step) {
    boolean virtual = step.op() == Op.EDECVIRTCHILD || step.op() == Op.EINCVIRTCHILD || step.op() == Op.ESETCONTEXT;
    int how = chance(virtual ? 45 : 25) ? virtual ? new int[] {13, 1, 2, 5}[below(4)] : 13 + below(3) : 1 + below(15);
    return new Step(step.op(), step.cpu(), step.enclave(), step.page(), step.variant(), how);
  }

  private void build(int enclave) {
    if (chance(8)) {
      plan.add(spoiled(step(Op.ECREATE, enclave, 0, 0)));
    }
    plan.add(step(Op.ECREATE, enclave, 0, 0));
    for (int page : Layout.ORDER) {
      plan.add(step(Op.EADD, enclave, page, 0));
      if (page == 0) {
        plan.add(step(Op.EEXTEND, enclave, 0, 0));
      }
      if (chance(2)) {
        // Another enclave then, which the signature does not fit.
        plan.add(spoiled(step(Op.EADD, enclave, below(Layout.PAGES), chance(50) ? 0 : below(Layout.SECINFO.length))));
        plan.add(step(Op.EEXTEND, enclave, page, below(16)));
      }
    }
    if (chance(90)) {
      if (chance(15)) {
        plan.add(step(Op.EINIT, enclave, 0, 1 + below(6)));
      }
      plan.add(step(Op.EINIT, enclave, 0, 0));
    }
  }

  private void destroy(int enclave) {
    for (int cpu = 0; cpu < World.CPUS; cpu++) {
      if (world.cpus[cpu].enclave == enclave) {
        plan.add(new Step(chance(50) ? Op.EEXIT : Op.INTERRUPT, cpu, enclave, 0, 0, 0));
      }
    }
    for (int page = Layout.PAGES - 1; page >= 0; page--) {
      plan.add(step(Op.EREMOVE, enclave, page, 0));
    }
    for (int i = 0; i < 3; i++) {
      plan.add(step(Op.EDECVIRTCHILD, enclave, Layout.PAGES, 0));
    }
    plan.add(step(Op.EREMOVE, enclave, Layout.PAGES, 0));
  }

  private Step outside(int enclave) {
    World.Place place = world.places[enclave];
    int page = 1 + below(Layout.PAGES - 1);
    return switch (below(24)) {
      case 0 -> step(Op.EDBGRD, enclave, below(Layout.PAGES + 4), below(512));
      case 1 -> debugWrite(enclave);
      case 2, 3, 4 -> block(enclave);
      case 5, 6, 7 -> step(chance(70) ? Op.ETRACK : Op.ETRACKC, enclave, below(Layout.PAGES + 2), 0);
      case 8, 9, 10 -> evict(enclave);
      case 11, 12, 13 -> load(enclave);
      case 14, 15, 16 -> step(Op.EAUG, enclave, free(enclave), 0);
      case 17 -> step(
          Op.EMODPR, enclave, chance(25) ? DYNAMIC[below(3)] : changeable(enclave, page),
          7 + below(Layout.SECINFO.length - 7));
      case 18 -> type(enclave);
      case 19 -> step(Op.ERDINFO, enclave, below(Layout.PAGES + 4), 0);
      case 20 -> remove(enclave);
      case 21 -> virtual(enclave);
      case 22 -> array(enclave);
      default -> place.made && !model.initialised(place.secs) ? building(enclave) : rare(enclave);
    };
  }

  private Step debugWrite(int enclave) {
    int page = below(Layout.PAGES + 3);
    boolean tcs = page == Layout.TCS || page == Layout.TCS2;
    int variant = tcs && chance(70) ? 1 : Layout.frame(page) || page == 0 ? 1 << 20 : 384 + below(128);
    return Layout.frame(page) || page == 0
        ? step(Op.EDBGRD, enclave, page, 3) : step(Op.EDBGWR, enclave, page, variant);
  }

  private long epcm(int enclave, int page) {
    World.Place place = world.places[enclave];
    return place.made && page < Layout.PAGES ? model.epcm(place.pages[page]) : -1;
  }

  private static int type(long flags) {
    return (int) (flags >>> 8 & 0xff);
  }

  private int free(int enclave) {
    for (int tries = 0; tries < 6; tries++) {
      int page = DYNAMIC[below(3)];
      if (epcm(enclave, page) == -1 && chance(90)) {
        return page;
      }
    }
    int other = 1 + below(Layout.PAGES - 1);
    // A frame that is evicted must come back as it was, not as an empty page.
    return Layout.frame(other) ? Layout.TCS : other;
  }

  private int changeable(int enclave, int fallback) {
    for (int tries = 0; tries < 6; tries++) {
      int page = DYNAMIC[below(DYNAMIC.length)];
      long flags = epcm(enclave, page);
      if (flags != -1 && type(flags) == REG && (flags & (PENDING | MODIFIED)) == 0) {
        return page;
      }
    }
    return Layout.frame(fallback) && chance(80) ? Layout.KEYS : fallback;
  }

  private Step type(int enclave) {
    for (int dynamic : DYNAMIC) {
      long flags = epcm(enclave, dynamic);
      if (flags != -1 && (flags & MODIFIED) != 0 && type(flags) == 1 && chance(20)) {
        return step(Op.EMODT, enclave, dynamic, 6);
      }
    }
    int page = changeable(enclave, Layout.PAGES + below(3));
    return step(Op.EMODT, enclave, chance(3) ? Layout.TCS2 : page,
        chance(85) ? chance(50) ? 5 : 6 : below(Layout.SECINFO.length));
  }

  private Step block(int enclave) {
    if (chance(14)) {
      // Frames of whoever is inside: EDECCSSA looks at them, and the next entry.
      return step(Op.EBLOCK, enclave, chance(50) ? 5 : 8, 0);
    }
    int page = chance(12) ? Layout.PAGES + below(4) : chance(30) ? 1 + below(Layout.PAGES - 1) : DYNAMIC[below(5)];
    return step(Op.EBLOCK, enclave, page, 0);
  }

  private Step evict(int enclave) {
    if (chance(3) && epcm(enclave, 0) != -1) {
      // A SECS that has pages; without them it would go, and the enclave's addresses with it.
      return step(Op.EWB, enclave, Layout.PAGES, below(World.RECORDS));
    }
    int record = below(World.RECORDS);
    for (int tries = 0; tries < 8 && world.records[record].enclave >= 0; tries++) {
      record = below(World.RECORDS);
    }
    for (int tries = 0; tries < 12; tries++) {
      int page = 1 + below(Layout.PAGES - 1);
      long flags = epcm(enclave, page);
      if (flags != -1 && (flags & BLOCKED) != 0
          && (model.tracked(world.places[enclave].pages[page]) || chance(10))) {
        return step(Op.EWB, enclave, page, record);
      }
    }
    return step(Op.EWB, enclave, chance(30) ? Layout.PAGES + 1 + below(2) : 1 + below(Layout.PAGES - 1), record);
  }

  private Step load(int enclave) {
    Op op = switch (below(4)) {
      case 0 -> Op.ELDB;
      case 1 -> Op.ELDBC;
      case 2 -> Op.ELDUC;
      default -> Op.ELDU;
    };
    int record = below(World.RECORDS);
    for (int tries = 0; tries < 8 && world.records[record].enclave < 0; tries++) {
      record = below(World.RECORDS);
    }
    World.Record from = world.records[record];
    if (from.enclave < 0 || chance(5)) {
      return step(op, enclave, below(Layout.PAGES), record);
    }
    return new Step(op, 0, from.enclave, from.page, record, chance(12) ? 8 + below(3) : 0);
  }

  private Step remove(int enclave) {
    int page = DYNAMIC[below(3)];
    if (chance(10)) {
      page = Layout.PAGES + 3 * below(2);
    } else if (chance(10)) {
      page = Layout.TCS2;
    }
    return step(Op.EREMOVE, enclave, page, 0);
  }

  private Step virtual(int enclave) {
    return step(
        switch (below(6)) {
          case 0, 1 -> Op.EINCVIRTCHILD;
          case 2, 3 -> Op.EDECVIRTCHILD;
          default -> Op.ESETCONTEXT;
        },
        enclave, below(Layout.PAGES + 4), below(100));
  }

  private Step array(int enclave) {
    return chance(85) ? step(Op.EPA, enclave, below(2), 0)
        : step(Op.EREMOVE, enclave, Layout.PAGES + 1 + below(2), 0);
  }

  private Step building(int enclave) {
    return switch (below(3)) {
      case 0 -> step(Op.EADD, enclave, below(Layout.PAGES), below(Layout.SECINFO.length));
      case 1 -> step(Op.EEXTEND, enclave, below(Layout.PAGES + 3), below(16));
      default -> step(Op.EINIT, enclave, 0, 0);
    };
  }

  private Step rare(int enclave) {
    return switch (below(6)) {
      case 0 -> step(Op.EADD, enclave, DYNAMIC[below(3)], 0);
      case 1 -> step(Op.EINIT, enclave, 0, 0);
      case 2 -> step(Op.EEXTEND, enclave, below(Layout.PAGES), below(16));
      case 3 -> step(Op.ECREATE, enclave, 0, 0);
      case 4 -> step(Op.EUPDATESVN, enclave, 0, 0);
      default -> step(Op.ERDINFO, enclave, below(Layout.PAGES + 4), 0);
    };
  }

  private Step inside() {
    int number = below(World.CPUS);
    World.Cpu cpu = world.cpus[number];
    if (cpu.enclave < 0) {
      return entry(number);
    }
    int enclave = cpu.enclave;
    int page = 1 + below(Layout.PAGES - 1);
    return switch (below(20)) {
      case 0, 1 -> new Step(Op.INTERRUPT, number, enclave, 0, 0, 0);
      case 2, 3 -> new Step(Op.EEXIT, number, enclave, 0, 0, chance(3) ? 1 : 0);
      case 4 -> new Step(Op.EREPORT, number, enclave, page, below(6), 0);
      case 5 -> new Step(Op.EGETKEY, number, enclave, page, below(12), 0);
      case 6, 7, 8, 9 -> accept(number, enclave);
      case 10 -> new Step(Op.EMODPE, number, enclave, changeable(enclave, page), below(Layout.SECINFO.length), 0);
      case 11, 12 -> copy(number, enclave);
      case 13 -> new Step(
          world.machine.features().has(Features.EDECCSSA) ? Op.EDECCSSA : Op.READ, number, enclave, 1, 0, 0);
      case 14, 15 -> new Step(Op.READ, number, enclave, touched(page), below(512), 0);
      case 16, 17 -> write(number, enclave);
      default -> new Step(Op.EXECUTE, number, enclave, chance(80) ? Layout.RWX : Layout.TCS, 0, 0);
    };
  }

  private int touched(int page) {
    return chance(60) ? DYNAMIC[below(4)] : page;
  }

  private Step write(int number, int enclave) {
    int page = chance(70) ? DYNAMIC[below(4)] : new int[] {1, 2, 3, 4, 7, 0}[below(6)];
    return new Step(Op.WRITE, number, enclave, page, 384 + below(128), 0);
  }

  /** A SECINFO that fits a page. */
  private int fitting(long flags) {
    long wanted = (flags & 0xffff & ~32) | (type(flags) == REG && (flags & PENDING) == 0 ? 32 : 0);
    for (int i = 0; i < Layout.SECINFO.length; i++) {
      if (Layout.SECINFO[i] == wanted) {
        return i;
      }
    }
    return below(Layout.SECINFO.length);
  }

  private Step accept(int number, int enclave) {
    for (int tries = 0; tries < 10; tries++) {
      int page = 1 + below(Layout.PAGES - 1);
      long flags = epcm(enclave, page);
      if (flags != -1 && (flags & (PENDING | MODIFIED | 32)) != 0 && chance(93)) {
        return new Step(Op.EACCEPT, number, enclave, page, fitting(flags), 0);
      }
    }
    int page = 1 + below(Layout.PAGES - 1);
    return new Step(Op.EACCEPT, number, enclave, page, below(Layout.SECINFO.length), 0);
  }

  private Step copy(int number, int enclave) {
    int page = DYNAMIC[below(3)];
    for (int tries = 0; tries < 6 && (epcm(enclave, page) == -1 || (epcm(enclave, page) & PENDING) == 0); tries++) {
      page = DYNAMIC[below(3)];
    }
    int secinfo = chance(90) ? 7 + below(5) : below(Layout.SECINFO.length);
    return new Step(Op.EACCEPTCOPY, number, enclave, page, secinfo, chance(40) ? 12 : 0);
  }

  private Step entry(int number) {
    int[] candidates = new int[World.ENCLAVES * Layout.PAGES];
    int count = 0;
    for (int enclave = 0; enclave < World.ENCLAVES; enclave++) {
      World.Place place = world.places[enclave];
      for (int page = Layout.TCS; place.made && model.initialised(place.secs) && page < Layout.PAGES; page++) {
        if (epcm(enclave, page) == 1 << 8 && !model.active(place.pages[page]) && framed(enclave, page)) {
          candidates[count++] = enclave << 8 | page;
        }
      }
    }
    if (count == 0) {
      age[below(World.ENCLAVES)] += 25;
    }
    int chosen = count > 0 && chance(92)
        ? candidates[below(count)] : below(World.ENCLAVES) << 8 | (chance(50) ? Layout.TCS : below(Layout.PAGES));
    World.Place place = world.places[chosen >> 8];
    int page = chosen & 0xff;
    int cssa = place.made ? model.cssa(place.pages[page]) : 0;
    if (cssa > 1) {
      // What faulted will mostly fault again.
      age[chosen >> 8] += 40;
    }
    Op op = cssa > 0 && chance(cssa > 1 ? 80 : 45) || chance(3) ? Op.ERESUME : Op.EENTER;
    return new Step(op, number, chosen >> 8, page, 0, 0);
  }

  /** Whether the frames of a TCS are as they should be. */
  private boolean framed(int enclave, int page) {
    int ssa = page == Layout.TCS ? 5 : page == Layout.TCS2 ? 8 : 13;
    long good = 3 | REG << 8;
    return epcm(enclave, ssa) == good && epcm(enclave, ssa + 1) == good;
  }
}
