package org.enclavisor.app.profile;

import java.util.function.Predicate;
import org.enclavisor.host.CallObserver.Direction;

/** How much of something there was in each of many equal parts of a run. */
record Timeline(long begin, long end, double[] parts) {
  private static final String BARS = "▁▂▃▄▅▆▇█";

  private static Timeline empty(Profile profile, int parts) {
    return new Timeline(profile.begin(), Math.max(profile.begin() + 1, profile.end()), new double[parts]);
  }

  private void add(long nanos, double amount) {
    if (nanos >= begin && nanos <= end) {
      int part = (int) Math.min(parts.length - 1, (nanos - begin) * parts.length / (end - begin));
      parts[part] += amount;
    }
  }

  /** Calls by when they began. */
  static Timeline calls(Profile profile, Direction direction, int parts) {
    Timeline timeline = empty(profile, parts);
    profile.forEach(
        call -> {
          if (call.direction() == direction) {
            timeline.add(call.begin(), 1);
          }
        });
    return timeline;
  }

  static Timeline exits(Profile profile, Predicate<Profile.AsynchronousExit> which, int parts) {
    Timeline timeline = empty(profile, parts);
    profile.exits().stream().filter(which).forEach(exit -> timeline.add(exit.nanos(), 1));
    return timeline;
  }

  static Timeline paging(Profile profile, Predicate<Profile.Paging> which, int parts) {
    Timeline timeline = empty(profile, parts);
    profile.paging().stream().filter(which).forEach(each -> timeline.add(each.nanos(), each.pages()));
    return timeline;
  }

  double sum() {
    double sum = 0;
    for (double part : parts) {
      sum += part;
    }
    return sum;
  }

  double most() {
    double most = 0;
    for (double part : parts) {
      most = Math.max(most, part);
    }
    return most;
  }

  /** One character a part: a bar as high as its logarithm, a dot for nothing. */
  String spark() {
    StringBuilder text = new StringBuilder();
    double top = Math.log1p(most());
    for (double part : parts) {
      if (part == 0) {
        text.append('·');
      } else {
        text.append(BARS.charAt((int) Math.min(BARS.length() - 1, BARS.length() * Math.log1p(part) / top)));
      }
    }
    return text.toString();
  }
}
