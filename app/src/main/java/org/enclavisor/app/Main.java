package org.enclavisor.app;

import picocli.CommandLine;
import picocli.CommandLine.Command;

@Command(name = "enclavisor", mixinStandardHelpOptions = true, subcommands = {Main.Foo.class})
public final class Main {
  @Command(name="run")
  static final class Foo implements Runnable { @CommandLine.Parameters String p; public void run() { System.out.println("hi "+p); } }
  public static void main(String[] args) {
    System.exit(new CommandLine(new Main()).execute(args));
  }
}
