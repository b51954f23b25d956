package org.enclavisor.app;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Requires;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The "nevers" of docs/tour.md: who may know whom, and who may touch native memory. */
class ArchitectureTest {

  /** Every module, and the modules of ours that it may know. */
  private static final Map<String, Set<String>> MAY_KNOW =
      Map.of(
          "isa", Set.of(),
          "conformance", Set.of("isa"),
          "image", Set.of("isa"),
          "monitor", Set.of("isa"),
          "linux", Set.of("isa", "monitor"),
          "host", Set.of("isa", "monitor", "image"),
          "app", Set.of("isa", "monitor", "image", "linux", "host"));

  private static final JavaClasses PRODUCT =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(location -> !location.contains("testkit"))
          .importPackages("org.enclavisor");

  @ParameterizedTest
  @ValueSource(strings = {"isa", "conformance", "image", "monitor", "linux", "host", "app"})
  void aModuleUsesOnlyWhatItMayKnow(String module) {
    String[] strangers =
        MAY_KNOW.keySet().stream()
            .filter(other -> !other.equals(module) && !MAY_KNOW.get(module).contains(other))
            .map(other -> "org.enclavisor." + other + "..")
            .toArray(String[]::new);
    assertThat(PRODUCT).anyMatch(type -> type.getPackageName().startsWith("org.enclavisor." + module));
    if (strangers.length > 0) {
      noClasses()
          .that()
          .resideInAPackage("org.enclavisor." + module + "..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(strangers)
          .check(PRODUCT);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"isa", "conformance", "image", "monitor", "linux", "host", "app"})
  void aModuleDeclaresOnlyWhatItMayKnow(String module) {
    ModuleDescriptor descriptor = descriptor(module);
    Set<String> known =
        descriptor.requires().stream()
            .map(Requires::name)
            .filter(required -> required.startsWith("org.enclavisor."))
            .map(required -> required.substring("org.enclavisor.".length()))
            .collect(Collectors.toSet());
    assertThat(MAY_KNOW.get(module)).containsAll(known);
  }

  @Test
  void nothingIsOpenedButToTheCommandLineParser() {
    for (String module : MAY_KNOW.keySet()) {
      assertThat(descriptor(module).isOpen()).as(module).isFalse();
      assertThat(descriptor(module).opens())
          .as(module)
          .allSatisfy(opens -> assertThat(opens.targets()).containsExactly("info.picocli"));
    }
  }

  @Test
  void onlyLinuxTouchesNativeMemory() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.enclavisor.linux..")
        .should()
        .dependOnClassesThat(type(Linker.class).or(type(SymbolLookup.class)).or(resideInAPackage("sun.misc..")))
        .orShould()
        .callMethodWhere(target(owner(type(MemorySegment.class))).and(target(name("reinterpret"))))
        .orShould()
        .callMethodWhere(target(owner(type(MemorySegment.class))).and(target(name("ofAddress"))))
        .orShould()
        .callMethodWhere(target(owner(type(System.class))).and(target(name("loadLibrary"))))
        .orShould()
        .callMethodWhere(target(owner(type(System.class))).and(target(name("load"))))
        .check(PRODUCT);
  }

  @Test
  void onlyTheCommandLineEndsTheProgram() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.enclavisor.app..")
        .should()
        .callMethodWhere(target(owner(type(System.class))).and(target(name("exit"))))
        .check(PRODUCT);
  }

  @Test
  void theLauncherLetsOnlyLinuxMakeNativeCalls() throws Exception {
    String launcher = Files.readString(Path.of("..", "enclavisor"));
    assertThat(launcher).contains("--illegal-native-access=deny --enable-native-access=org.enclavisor.linux");
    assertThat(launcher.split("enable-native-access", -1)).hasSize(2);
  }

  private static ModuleDescriptor descriptor(String module) {
    Path[] path =
        Stream.of(System.getProperty("java.class.path").split(":"))
            .map(Path::of)
            .filter(Files::exists)
            .toArray(Path[]::new);
    return Stream.of(path)
        .map(ModuleFinder::of)
        .map(finder -> finder.find("org.enclavisor." + module))
        .flatMap(java.util.Optional::stream)
        .findFirst()
        .map(ModuleReference::descriptor)
        .orElseThrow();
  }
}
