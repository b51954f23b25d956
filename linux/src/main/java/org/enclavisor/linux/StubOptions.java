package org.enclavisor.linux;

/**
 * How a {@link StubPlatform} runs enclaves.
 *
 * @param waiting how the two sides wait for each other
 * @param strict never change enclave code to leave it faster; about ten times slower per exit
 */
public record StubOptions(WaitPolicy waiting, boolean strict) {
  /** Adapts to the machine, and patches. */
  public static final StubOptions DEFAULT = new StubOptions(WaitPolicy.AUTO, false);

  /** The same with another way of waiting. */
  public StubOptions waiting(WaitPolicy policy) {
    return new StubOptions(policy, strict);
  }

  /** The same with or without patching. */
  public StubOptions strict(boolean on) {
    return new StubOptions(waiting, on);
  }
}
