// What the doctor says of a job's side: plugin, NCCL and variables.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "daemon/doctor/checks.h"
#include "daemon/doctor/host_for_test.h"

namespace ithaca::doctor {
namespace {

TEST(Plugin, WhichOneNcclWouldTake) {
  HostForTest test;
  EXPECT_TRUE(Says(CheckPlugin(test.host), Level::kOk,
                   "/usr/lib/libnccl-net-ithaca.so: net v6 to v12", ""));
  test.host.environment.erase("NCCL_NET_PLUGIN");
  EXPECT_TRUE(Says(CheckPlugin(test.host), Level::kWarn, "is not set",
                   "export NCCL_NET_PLUGIN=ithaca"));
  test.Set("NCCL_NET_PLUGIN", "aws-ofi");
  EXPECT_TRUE(Says(CheckPlugin(test.host), Level::kWarn,
                   "another plugin carries the traffic", ""));
  std::string asked;
  const auto load = test.host.load;
  test.host.load = [&](const std::string& name,
                       const std::vector<std::string>& folders,
                       const std::vector<std::string>& symbols) {
    asked = name;
    return load(name, folders, symbols);
  };
  for (const auto& [setting, file] :
       {std::pair{"ithaca", "libnccl-net-ithaca.so"},
        std::pair{"ithaca,other", "libnccl-net-ithaca.so"},
        std::pair{"libnccl-net-ithaca.so", "libnccl-net-ithaca.so"},
        std::pair{"/opt/ithaca/x.so", "/opt/ithaca/x.so"}}) {
    test.Set("NCCL_NET_PLUGIN", setting);
    CheckPlugin(test.host);
    EXPECT_EQ(asked, file) << setting;
  }
}

TEST(Plugin, WhatIsWrongWithTheLibrary) {
  HostForTest test;
  Library library;
  test.host.load = [&library](
                       const std::string&, const std::vector<std::string>&,
                       const std::vector<std::string>&) { return library; };
  library.error = "undefined symbol: foo";
  EXPECT_TRUE(Says(CheckPlugin(test.host), Level::kFail,
                   "undefined symbol: foo", "LD_LIBRARY_PATH"));
  library.error.clear();
  library.path = "/x.so";
  library.symbols = {"ncclNetPlugin_v10"};
  EXPECT_TRUE(Says(CheckPlugin(test.host), Level::kFail,
                   "/x.so lacks ncclNetPlugin_v6, ncclNetPlugin_v7",
                   "install this one's"));
  EXPECT_FALSE(
      Says(CheckPlugin(test.host), Level::kFail, "ncclNetPlugin_v10", ""));
}

TEST(Plugin, ACopyBehindAnotherIsTold) {
  HostForTest test;
  std::string path;
  for (const char* name : {"/a", "/b"}) {
    const std::string folder = test.folder() + name;
    std::filesystem::create_directory(folder);
    std::ofstream(folder + "/libnccl-net-ithaca.so") << "x";
    path += folder + ":";
  }
  test.Set("LD_LIBRARY_PATH", path);
  EXPECT_TRUE(Says(CheckPlugin(test.host), Level::kWarn,
                   "never sees " + test.folder() + "/b/", "remove"));
}

TEST(Nccl, Versions) {
  HostForTest test;
  Library nccl;
  nccl.path = "/usr/lib/libnccl.so.2";
  test.host.load = [&nccl](const std::string&, const std::vector<std::string>&,
                           const std::vector<std::string>&) { return nccl; };
  EXPECT_TRUE(Says(CheckNccl(test.host), Level::kFail, "does not tell", ""));
  for (const auto& [code, level, text] :
       {std::tuple{2708, Level::kFail, "older than 2.18"},
        std::tuple{21703, Level::kFail, "NCCL 2.17.3 is older"},
        std::tuple{21801, Level::kOk, "NCCL 2.18.1"},
        std::tuple{23007, Level::kOk, "NCCL 2.30.7"},
        std::tuple{23201, Level::kWarn, "NCCL 2.32.1 is newer"}}) {
    nccl.nccl_version = code;
    EXPECT_TRUE(Says(CheckNccl(test.host), level, text, "")) << code;
  }
  nccl.error = "cannot open";
  EXPECT_TRUE(Says(CheckNccl(test.host), Level::kWarn, "was not found",
                   "brings its own"));
}

TEST(IthacaVariables, EachMistakeIsTold) {
  HostForTest test;
  EXPECT_TRUE(AllWell(CheckIthacaVariables(test.host)));
  test.Set("ITHACA_PEER_TIMEOUT", "30");
  EXPECT_TRUE(Says(CheckIthacaVariables(test.host), Level::kOk, "1 set", ""));
  test.Set("ITHACA_PEER_TIMEOUT", "soon");
  test.Set("ITHACA_RIALS", "eth0");
  const Findings found = CheckIthacaVariables(test.host);
  EXPECT_TRUE(Says(found, Level::kFail, "ITHACA_PEER_TIMEOUT", "init fails"));
  EXPECT_TRUE(Says(found, Level::kFail, "ITHACA_RAILS", "init fails"));
  test.Set("ITHACA_RAILS", "eth0");
  test.Set("NCCL_SOCKET_IFNAME", "eth1");
  EXPECT_TRUE(Says(CheckIthacaVariables(test.host), Level::kWarn, "both set",
                   "unset one"));
}

struct Variable {
  const char* name;
  const char* value;
  Level level;
  const char* seen;
  const char* remedy;
};

TEST(NcclVariables, EachOneAlone) {
  for (const Variable& v : {
           Variable{"NCCL_DEBUGG", "1", Level::kWarn,
                    "NCCL_DEBUGG is not known", "did you mean NCCL_DEBUG?"},
           Variable{"NCCL_QQQQQQQQQQQQQQQQQQ", "1", Level::kWarn,
                    "is not known", "unset it"},
           Variable{"NCCL_P2P_NET_CHUNKSIZE", "4096", Level::kWarn,
                    "small pieces", "unset"},
           Variable{"NCCL_P2P_NET_CHUNKSIZE", "big", Level::kWarn,
                    "is not a number", "correct"},
           Variable{"NCCL_BUFFSIZE", "65536", Level::kWarn, "small buffer", ""},
           Variable{"NCCL_MAX_P2P_NCHANNELS", "1", Level::kWarn, "one channel",
                    ""},
           Variable{"NCCL_P2P_DISABLE", "1", Level::kWarn, "over the network",
                    ""},
           Variable{"NCCL_SHM_DISABLE", "1", Level::kWarn, "over the network",
                    ""},
           Variable{"NCCL_COMM_BLOCKING", "7", Level::kFail, "is 0 or 1", ""},
           Variable{"NCCL_NET", "Socket", Level::kFail, "forbids the network",
                    "unset NCCL_NET"},
           Variable{"NCCL_NET_PLUGIN", "none,ithaca", Level::kFail, "both none",
                    "NCCL_NET_PLUGIN=ithaca"},
           Variable{"NCCL_SOCKET_IFNAME", "=lo", Level::kWarn,
                    "other hosts cannot be reached", "unset"},
       }) {
    HostForTest test;
    test.Set(v.name, v.value);
    EXPECT_TRUE(Says(CheckNcclVariables(test.host), v.level, v.seen, v.remedy))
        << v.name;
  }
}

TEST(NcclVariables, WhatIsFineIsNotTold) {
  HostForTest test;
  for (const auto& [name, value] :
       {std::pair{"NCCL_DEBUG", "INFO"}, std::pair{"NCCL_BUFFSIZE", "8388608"},
        std::pair{"NCCL_IB_HCA", "mlx5_0"}, std::pair{"NCCL_NET", "ITHACA"},
        std::pair{"NCCL_P2P_DISABLE", "0"},
        std::pair{"NCCL_INSPECTOR_ENABLE", "1"},
        std::pair{"NCCL_NCHANNELS_PER_NET_PEER", "4"},
        std::pair{"NCCL_MIN_NCHANNELS", "4"},
        std::pair{"NCCL_MAX_NCHANNELS", "4"}}) {
    test.Set(name, value);
  }
  EXPECT_TRUE(AllWell(CheckNcclVariables(test.host)));
  test.Set("NCCL_MAX_NCHANNELS", "2");
  EXPECT_TRUE(Says(CheckNcclVariables(test.host), Level::kFail,
                   "NCCL_MIN_NCHANNELS is larger than NCCL_MAX_NCHANNELS",
                   "unset one"));
}

TEST(NcclVariables, FilesOfNcclAreReadBehindTheEnvironment) {
  HostForTest test;
  test.Set("HOME", "/home/me");
  test.Write("/etc/nccl.conf", "# a comment\nNCCL_P2P_DISABLE=1\nother=1");
  EXPECT_TRUE(Says(CheckNcclVariables(test.host), Level::kWarn,
                   "NCCL_P2P_DISABLE=1", ""));
  test.Write("/home/me/.nccl.conf", "NCCL_P2P_DISABLE=0\nNCCL_TYPO_X=1");
  EXPECT_FALSE(Says(CheckNcclVariables(test.host), Level::kWarn,
                    "NCCL_P2P_DISABLE", ""));
  EXPECT_TRUE(
      Says(CheckNcclVariables(test.host), Level::kWarn, "NCCL_TYPO_X", ""));
  test.Write("/mine.conf", "NCCL_SHM_DISABLE=1");
  test.Set("NCCL_CONF_FILE", "/mine.conf");
  const Findings found = CheckNcclVariables(test.host);
  EXPECT_TRUE(Says(found, Level::kWarn, "NCCL_SHM_DISABLE=1", ""));
  EXPECT_FALSE(Says(found, Level::kWarn, "NCCL_TYPO_X", ""));
  test.Set("NCCL_SHM_DISABLE", "0");
  EXPECT_FALSE(
      Says(CheckNcclVariables(test.host), Level::kWarn, "NCCL_SHM", ""));
}

}  // namespace
}  // namespace ithaca::doctor
