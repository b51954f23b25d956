package org.enclavisor.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HostThreadTest {

  @Test
  void whoHasEndedDoesNotKeepOthersFromSpinning() throws InterruptedException {
    int pairs = HostThread.allowed().cardinality() / 2;
    List<HostThread> ended = new ArrayList<>();
    for (int i = 0; i < pairs; i++) {
      var thread = Thread.ofPlatform().start(() -> {
        HostThread host = HostThread.join();
        host.maySpin();
        ended.add(host);
      });
      thread.join();
    }
    HostThread mine = HostThread.join();
    assertThat(mine.maySpin()).isEqualTo(pairs > 0);
    mine.leave();
    ended.forEach(HostThread::leave);
    HostThread again = HostThread.join();
    assertThat(again.maySpin()).as("nobody was counted twice").isEqualTo(pairs > 0);
    again.leave();
  }
}
