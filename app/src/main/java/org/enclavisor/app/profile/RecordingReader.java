package org.enclavisor.app.profile;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.enclavisor.host.CallObserver.Direction;
import org.jspecify.annotations.Nullable;

/**
 * Makes a profile of a recording of the Flight Recorder: of any Java program that has enclaves. What was asked is not
 * in it, so that duplicates are not found. Used by one thread.
 */
public final class RecordingReader {
  /** The quickest of so many stays are little more than the way in and out. */
  private static final double QUICKEST = 0.05;

  /** If even those take longer, the enclave never is quick, and a transition is taken to cost what it does with SGX. */
  private static final long LONGEST_TRANSITION = 100_000;

  private static final long TRANSITION_WITH_SGX = 5_000;
  private static final String PREFIX = "org.enclavisor.";

  private final Map<Long, Track> tracks = new HashMap<>();
  private final List<Mark> marks = new ArrayList<>();
  private final List<Profile.AsynchronousExit> exits = new ArrayList<>();
  private final List<Profile.Paging> paging = new ArrayList<>();
  private final List<Long> stays = new ArrayList<>();

  private RecordingReader() {}

  /** Something that happened, in its order among what happened in the same moment. */
  private record Mark(long nanos, Order order, Runnable action) {}

  private enum Order {
    LEFT,
    ASYNCHRONOUS_EXIT,
    OCALL_BEGINS,
    OCALL_ENDED,
    ECALL_ENDED,
    ECALL_BEGINS,
    ENTERED
  }

  /**
   * Reads a file.
   *
   * @throws IOException if it cannot be read, or is no recording
   */
  public static Profile read(Path file) throws IOException {
    RecordingReader reader = new RecordingReader();
    try (RecordingFile recording = new RecordingFile(file)) {
      while (recording.hasMoreEvents()) {
        RecordedEvent event = recording.readEvent();
        String name = event.getEventType().getName();
        if (name.startsWith(PREFIX)) {
          reader.add(name.substring(PREFIX.length()), event);
        }
      }
    } catch (IllegalArgumentException | IndexOutOfBoundsException | NullPointerException | NoSuchElementException
        | ClassCastException | InternalError e) {
      // So the JDK's reader answers damage (with InternalError, a damaged type name), and an event that lacks a field.
      throw new IOException("it is damaged, or of another version (" + e + ")", e);
    }
    return reader.profile();
  }

  private static long nanos(Instant time) {
    return time.getEpochSecond() * 1_000_000_000 + time.getNano();
  }

  private Track track(RecordedEvent event) {
    var thread = event.getThread();
    long id = thread == null ? 0 : thread.getId();
    String name = thread == null || thread.getJavaName() == null ? "thread " + id : thread.getJavaName();
    return tracks.computeIfAbsent(id, _ -> new Track(name));
  }

  private void add(String name, RecordedEvent event) {
    long begin = nanos(event.getStartTime());
    long end = nanos(event.getEndTime());
    switch (name) {
      case "Call" -> call(track(event), event, begin, end);
      case "Stay" -> {
        Track track = track(event);
        boolean asynchronously = !event.getString("exit").equals("EEXIT");
        stays.add(end - begin);
        marks.add(new Mark(begin, Order.ENTERED, () -> track.entered(begin)));
        marks.add(new Mark(end, Order.LEFT, () -> track.left(end, asynchronously)));
      }
      case "AsynchronousExit" -> {
        Track track = track(event);
        String cause = event.getString("cause");
        marks.add(
            new Mark(
                end, Order.ASYNCHRONOUS_EXIT,
                () -> {
                  Call call = track.current();
                  exits.add(new Profile.AsynchronousExit(end, cause, call == null ? "" : call.name()));
                }));
      }
      case "Paging" ->
          paging.add(
              new Profile.Paging(
                  end, event.getString("kind"), event.getLong("pages"), event.getDuration("took").toNanos()));
      case "Fault" ->
          paging.add(new Profile.Paging(end, Profile.SERVED, 1, event.getDuration("took").toNanos()));
      default -> {} // Leaf and LifeCycle say nothing about calls
    }
  }

  private void call(Track track, RecordedEvent event, long begin, long end) {
    Direction direction = event.getString("direction").equals("ECALL") ? Direction.ECALL : Direction.OCALL;
    boolean in = direction == Direction.ECALL;
    String function = event.getString("function");
    @Nullable Call[] call = new Call[1];
    marks.add(
        new Mark(
            begin, in ? Order.ECALL_BEGINS : Order.OCALL_BEGINS,
            () -> call[0] = track.begins(direction, function, begin)));
    marks.add(
        new Mark(
            end, in ? Order.ECALL_ENDED : Order.OCALL_ENDED,
            () -> {
              Call begun = call[0];
              if (begun != null) {
                track.ended(begun, end);
              }
            }));
  }

  private Profile profile() {
    marks.sort(Comparator.comparingLong(Mark::nanos).thenComparing(Mark::order));
    marks.forEach(mark -> mark.action().run());
    long quickest = Profile.quantile(stays.stream().mapToLong(Long::longValue).sorted().toArray(), QUICKEST);
    long transition = quickest > 0 && quickest <= LONGEST_TRANSITION ? quickest : TRANSITION_WITH_SGX;
    List<Profile.Lane> lanes =
        tracks.values().stream()
            .filter(each -> !each.roots().isEmpty())
            .map(each -> new Profile.Lane(each.thread(), each.roots()))
            .toList();
    return new Profile(lanes, exits, paging, new Transitions.Cost(transition, transition, 0), 0);
  }
}
