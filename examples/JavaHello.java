import java.nio.file.Path;
import org.enclavisor.host.Enclavisor;
import org.enclavisor.host.edl.Edl;
import org.enclavisor.linux.StubOptions;
import org.enclavisor.linux.StubPlatform;

/** Calls examples/hello from Java; docs/java.md says how to start it. */
public class JavaHello {
  public interface Hello {
    int hello(String name);
  }

  public static class Ocalls {
    public void ocall_print_string(String text) {
      System.out.print(text);
    }
  }

  public static void main(String[] args) {
    try (var enclavisor = Enclavisor.open(StubPlatform.open(StubOptions.DEFAULT));
        var enclave =
            enclavisor.load(Path.of("examples/hello/hello.signed.so"), Edl.read(Path.of("examples/hello/hello.edl")))) {
      Hello hello = enclave.bind(Hello.class, new Ocalls());
      System.out.println(hello.hello("Java"));
    }
  }
}
