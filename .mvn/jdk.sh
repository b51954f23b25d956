# Sourced by mvnw and enclavisor: prints the home of a JDK 25 or newer, or says what to do.
find_jdk25() {
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* "$HOME"/.sdkman/candidates/java/*; do
    if is_jdk25 "$home"; then
      printf '%s\n' "$home"
      return 0
    fi
  done
  java=$(command -v javac 2>/dev/null) && {
    home=$(dirname "$(dirname "$(readlink -f "$java")")")
    if is_jdk25 "$home"; then
      printf '%s\n' "$home"
      return 0
    fi
  }
  echo "No JDK 25 found in JAVA_HOME, /usr/lib/jvm or PATH. Install one (for example temurin-25-jdk) and try again." >&2
  return 1
}

is_jdk25() {
  [ -n "$1" ] && [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
  major=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release")
  [ -n "$major" ] && [ "$major" -ge 25 ]
}
