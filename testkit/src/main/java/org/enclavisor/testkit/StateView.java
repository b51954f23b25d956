package org.enclavisor.testkit;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeMap;
import org.enclavisor.isa.Id16;
import org.enclavisor.isa.Secs;
import org.enclavisor.monitor.state.EnclaveManifest.MachineNeeds;
import org.enclavisor.monitor.state.EnclaveManifest.Mapping;
import org.enclavisor.monitor.state.EnclaveManifest.ThreadState;
import org.enclavisor.monitor.state.StateProgress;
import org.enclavisor.monitor.state.StateReader;

/**
 * What a stream of a whole state says of an enclave, without which life of it and what its machine called it.
 *
 * @param threads TCS and hidden fields, by page
 * @param entries bits and epoch of every valid page
 * @param content of every page that is not zero, as hex
 */
record StateView(
    Id16 name,
    MachineNeeds machine,
    Secs secs,
    long epoch,
    List<String> threads,
    TreeMap<Long, String> entries,
    List<Mapping> mappings,
    TreeMap<Long, String> content) {
  private static final int PAGE = 4096;

  static StateView of(byte[] stream) {
    try (var reader = new StateReader(Channels.newChannel(new ByteArrayInputStream(stream)))) {
      var manifest = reader.manifest();
      var mappings = reader.mappings();
      var threads = new ArrayList<String>();
      var entries = new TreeMap<Long, String>();
      var bits = new TreeMap<Long, Integer>();
      var content = new TreeMap<Long, String>();
      reader.content(
          new StateReader.PageSink() {
            @Override
            public void entries(long page, long count, int entry, long epoch) {
              for (long i = page; i < page + count; i++) {
                entries.put(i, entry + " " + epoch);
                bits.put(i, entry);
              }
            }

            @Override
            public void thread(ThreadState t) {
              threads.add(
                  t.page() + " " + HexFormat.of().formatHex(t.tcs()) + " "
                      + Arrays.asList(t.savedFsBase(), t.savedGsBase(), t.savedTf()));
            }

            @Override
            public int bits(long page) {
              return bits.getOrDefault(page, 0);
            }

            @Override
            public void zero(long page, long count) {
              throw new AssertionError("zero pages in a whole state");
            }

            @Override
            public void fill(long page, MemorySegment bytes) {
              for (long at = 0; at < bytes.byteSize(); at += PAGE) {
                byte[] one = bytes.asSlice(at, PAGE).toArray(ValueLayout.JAVA_BYTE);
                content.put(page + at / PAGE, HexFormat.of().formatHex(one));
              }
            }
          },
          StateProgress.NONE);
      return new StateView(
          manifest.instance().name(), manifest.machine(), manifest.secs().secs(), manifest.secs().epoch(), threads,
          entries, mappings, content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
