// What the doctor says of the machine: rails, limits, clock, kernel.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "daemon/doctor/checks.h"
#include "daemon/doctor/host_for_test.h"

namespace ithaca::doctor {
namespace {

class RailsCheck : public testing::Test {
 protected:
  RailsCheck() {
    test_.host.interfaces = [this] { return rails_; };
  }
  Findings Check() { return CheckRails(test_.host); }

  HostForTest test_;
  std::vector<Interface> rails_ = {
      {"lo", true, true, false, {"127.0.0.1"}, 0, 65536},
      {"eth0", true, false, false, {"10.0.0.1"}, 100'000, 9000},
      {"eth1", true, false, false, {"10.0.1.1"}, 100'000, 9000},
      {"br0", true, false, true, {"10.0.2.1"}, 1000, 1500},
  };
};

TEST_F(RailsCheck, TakesWhatThePluginTakes) {
  const auto takes = [this](const std::string& names) {
    return Says(Check(), Level::kOk, "the plugin takes " + names, "");
  };
  EXPECT_TRUE(takes("eth0 (100000 Mb/s), eth1 (100000 Mb/s)"));
  test_.Set("NCCL_SOCKET_IFNAME", "=br0");
  EXPECT_TRUE(takes("br0 (1000 Mb/s)"));
  test_.Set("NCCL_SOCKET_IFNAME", "^lo,br");
  EXPECT_TRUE(takes("eth0 (100000 Mb/s), eth1"));
  test_.Set("NCCL_SOCKET_IFNAME", "eth1:9,none");
  EXPECT_TRUE(takes("eth1 (100000 Mb/s)"));
  test_.Set("ITHACA_RAILS", "auto");
  EXPECT_TRUE(takes("eth0 (100000 Mb/s), eth1"));
  test_.Set("ITHACA_RAILS", "lo");
  EXPECT_TRUE(takes("lo"));
  EXPECT_TRUE(AllWell(Check()));
}

TEST_F(RailsCheck, WhatIsWrongWithARail) {
  rails_[1].up = false;
  EXPECT_TRUE(
      Says(Check(), Level::kWarn, "eth0 is down", "ip link set eth0 up"));
  test_.Set("ITHACA_RAILS", "eth0");
  EXPECT_TRUE(Says(Check(), Level::kFail, "eth0 is down", "ip link set"));
  EXPECT_TRUE(Says(Check(), Level::kFail, "no rail is left", ""));
  rails_[1].up = true;
  rails_[1].addresses.clear();
  EXPECT_TRUE(Says(Check(), Level::kFail, "eth0 has no address", ""));
  test_.Set("ITHACA_RAILS", "eth7");
  EXPECT_TRUE(
      Says(Check(), Level::kFail, "names eth7, which is not there", "ip -br"));
  test_.host.environment.erase("ITHACA_RAILS");
  EXPECT_TRUE(Says(Check(), Level::kWarn, "eth0 has no address", ""));
  rails_[2].speed_mbps = 0;
  EXPECT_TRUE(Says(Check(), Level::kWarn, "eth1 does not tell its speed", ""));
}

TEST_F(RailsCheck, WhatIsWrongWithSeveral) {
  rails_[2].mtu = 1500;
  EXPECT_TRUE(
      Says(Check(), Level::kWarn, "differ in their MTU: 1500, 9000", "alike"));
  test_.Write("/proc/sys/net/ipv4/conf/eth1/rp_filter", "1");
  EXPECT_TRUE(Says(Check(), Level::kWarn, "eth1 drops what comes",
                   "net.ipv4.conf.eth1.rp_filter=2"));
  test_.Write("/proc/sys/net/ipv4/conf/all/rp_filter", "2");
  EXPECT_FALSE(Says(Check(), Level::kWarn, "rp_filter", ""));
  test_.Write("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
  EXPECT_TRUE(Says(Check(), Level::kWarn, "eth0 drops", ""));
  rails_.resize(2);
  EXPECT_FALSE(Says(Check(), Level::kWarn, "rp_filter", "")) << "one rail";
}

TEST(Limits, TooFewFilesAndTooLittleLockedMemory) {
  HostForTest test;
  uint64_t files = 256;
  uint64_t locked = 65536;
  test.host.limit = [&](int resource) -> std::optional<uint64_t> {
    return resource == RLIMIT_NOFILE ? files : locked;
  };
  EXPECT_TRUE(Says(CheckLimits(test.host), Level::kFail,
                   "only 256 files may be open", "ulimit -n"));
  files = 1024;
  EXPECT_TRUE(Says(CheckLimits(test.host), Level::kWarn,
                   "1024 files may be open", "LimitNOFILE"));
  EXPECT_TRUE(Says(CheckLimits(test.host), Level::kWarn, "64 KiB may be locked",
                   "LimitMEMLOCK"));
  files = 1 << 20;
  locked = uint64_t{1} << 40;
  EXPECT_TRUE(AllWell(CheckLimits(test.host)));
}

TEST(Clock, MustBeKept) {
  HostForTest test;
  test.host.clock_is_kept = [] { return false; };
  EXPECT_TRUE(
      Says(CheckClock(test.host), Level::kWarn, "nothing keeps", "chrony"));
}

TEST(Kernel, WhatIsWrongWithIt) {
  for (const auto& [path, value, level, seen, remedy] :
       {std::tuple{"/proc/sys/net/core/rmem_max", "212992", Level::kWarn,
                   "net.core.rmem_max is 212992",
                   "sysctl -w net.core.rmem_max=16777216"},
        std::tuple{"/proc/sys/net/core/wmem_max", "1", Level::kWarn,
                   "net.core.wmem_max", "sysctl"},
        std::tuple{"/proc/sys/net/core/somaxconn", "128", Level::kWarn,
                   "turned away", "sysctl"},
        std::tuple{"/proc/sys/net/ipv4/tcp_rmem", "4096 131072 200000",
                   Level::kWarn, "net.ipv4.tcp_rmem ends at 200000",
                   "tcp_rmem='4096 131072 16777216'"},
        std::tuple{"/proc/sys/net/ipv4/tcp_wmem", "1 2 3", Level::kWarn,
                   "net.ipv4.tcp_wmem ends at 3", "sysctl"},
        std::tuple{"/proc/sys/kernel/yama/ptrace_scope", "3", Level::kWarn,
                   "ptrace_scope is 3", "go without UCX"},
        std::tuple{"/proc/sys/kernel/numa_balancing", "1", Level::kWarn,
                   "moves pages", "sysctl"},
        std::tuple{"/proc/sys/kernel/osrelease", "4.18.0-80.el8", Level::kFail,
                   "no pidfd_open", "5.3"},
        std::tuple{"/proc/sys/kernel/osrelease", "odd", Level::kWarn,
                   "does not tell its version", ""}}) {
    HostForTest test;
    test.Write(path, value);
    EXPECT_TRUE(Says(CheckKernel(test.host), level, seen, remedy)) << path;
  }
}

}  // namespace
}  // namespace ithaca::doctor
