// The command `fabric`: see help.cc.
#include <cstdio>
#include <string>
#include <vector>

#include "tests/fabric/commands.h"

int main(int argc, char** argv) {
  return ithaca::fabric::RunCommand({argv + 1, argv + argc});
}
