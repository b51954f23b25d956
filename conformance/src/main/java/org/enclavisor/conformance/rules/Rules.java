package org.enclavisor.conformance.rules;

import java.util.ArrayList;
import java.util.List;
import org.enclavisor.conformance.Rule;

/** All rules, leaf by leaf. */
public final class Rules {
  private Rules() {}

  /** In the order of the manual. */
  public static List<Rule> all() {
    List<Rule> rules = new ArrayList<>();
    rules.addAll(BuildRules.all());
    rules.addAll(EinitRules.all());
    rules.addAll(PagingRules.all());
    rules.addAll(EldRules.all());
    rules.addAll(ChangeRules.all());
    rules.addAll(DebugRules.all());
    rules.addAll(UserRules.all());
    rules.addAll(KeyRules.all());
    rules.addAll(EntryRules.all());
    return List.copyOf(rules);
  }
}
