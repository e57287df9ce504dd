// ithacactl: the command line of Ithaca.

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "daemon/cli/commands.h"

int main(int argc, char** argv) {
  // A closed pipe ends the output, not the program in the middle of a write.
  signal(SIGPIPE, SIG_IGN);
  const char* no_color = std::getenv("NO_COLOR");
  const bool color =
      isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0');
  const std::vector<std::string> line(argv + 1, argv + argc);
  return ithaca::cli::Main(line, {std::cin, std::cout, std::cerr, color});
}
