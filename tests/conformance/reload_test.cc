// Opened, used and closed several times in one process, as NCCL does when its
// last communicator goes and another one comes.
#include <dlfcn.h>

#include "tests/conformance/fixture.h"
#include "tests/conformance/use_once.h"

namespace ithaca::conformance {
namespace {

class Reload : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Net, Reload, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(Reload, WorksEachTime) {
  for (int round = 0; round < 5; ++round) {
    SCOPED_TRACE(round);
    void* library = dlopen(LibraryPath().c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    auto net = FindNetTable(library, GetParam());
    ASSERT_NE(net, nullptr);
    UseOnce(net.get(), round);
    if (HasFatalFailure()) return;
    ASSERT_EQ(dlclose(library), 0);
  }
}

// Versions with and without contexts side by side, as two copies of NCCL in
// one process have them.
TEST_P(Reload, WorksBesideAnotherVersion) {
  void* library = dlopen(LibraryPath().c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  for (int other : NetVersions()) {
    SCOPED_TRACE(other);
    UseOnce(FindNetTable(library, GetParam()).get(), 1);
    UseOnce(FindNetTable(library, other).get(), 2);
  }
  ASSERT_EQ(dlclose(library), 0);
}

}  // namespace
}  // namespace ithaca::conformance
