#include "plugin/shm/host_identity.h"

#include <gtest/gtest.h>

namespace ithaca {
namespace {

TEST(HostIdentity, IsTheSameEachTime) {
  EXPECT_NE(HostIdentity(""), 0);
  EXPECT_EQ(HostIdentity(""), HostIdentity(""));
}

TEST(HostIdentity, NcclsVariableDecidesAlone) {
  HostFiles none;
  none.boot_id = none.network = none.shm = "/nonexistent";
  EXPECT_EQ(HostIdentity("a"), HostIdentity("a", none));
  EXPECT_NE(HostIdentity("a"), HostIdentity("b"));
  EXPECT_NE(HostIdentity("a"), HostIdentity(""));
}

TEST(HostIdentity, AnotherBootNetworkOrMountIsAnotherHost) {
  HostFiles files;
  files.boot_id = "/proc/self/comm";  // some text, not the boot id
  EXPECT_NE(HostIdentity("", files), HostIdentity(""));
  files = HostFiles();
  files.network = "/proc/self/ns/uts";
  EXPECT_NE(HostIdentity("", files), HostIdentity(""));
  files = HostFiles();
  files.shm = "/proc";
  EXPECT_NE(HostIdentity("", files), HostIdentity(""));
}

TEST(HostIdentity, UnknownEqualsNothing) {
  for (std::string HostFiles::*part :
       {&HostFiles::boot_id, &HostFiles::network, &HostFiles::shm}) {
    HostFiles files;
    files.*part = "/nonexistent";
    EXPECT_EQ(HostIdentity("", files), 0);
  }
}

}  // namespace
}  // namespace ithaca
