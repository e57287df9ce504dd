#include "plugin/driver/net_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace ithaca::driver {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPlugin[] = "tests/support/libnccl-net-test.so";
constexpr char kOther[] = "tests/support/libnot-a-plugin.so";

TEST(NetPluginTest, TakesTheNewestVersion) {
  auto plugin = NetPlugin::Load(kPlugin, {});
  ASSERT_TRUE(plugin.ok()) << plugin.status().ToString();
  EXPECT_EQ((*plugin)->abi_version(), 12);
  EXPECT_EQ((*plugin)->name(), "test");
  EXPECT_THAT((*plugin)->abi_versions(), ElementsAre(12, 11, 10, 9, 8));
}

TEST(NetPluginTest, MissingFileSaysSo) {
  auto plugin = NetPlugin::Load("./no/such.so", {});
  EXPECT_EQ(plugin.status().code(), Code::kNotFound);
  EXPECT_THAT(plugin.status().message(),
              HasSubstr("there is no plugin file ./no/such.so"));
}

TEST(NetPluginTest, AFileThatIsNoLibrarySaysSo) {
  const std::string path = std::string(getenv("TEST_TMPDIR")) + "/text.so";
  std::ofstream(path) << "hello";
  auto plugin = NetPlugin::Load(path, {});
  EXPECT_EQ(plugin.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(plugin.status().message(), HasSubstr(path));
}

TEST(NetPluginTest, ALibraryThatIsNoPluginSaysWhatItHas) {
  auto plugin = NetPlugin::Load(kOther, {});
  EXPECT_EQ(plugin.status().code(), Code::kNotFound);
  EXPECT_THAT(plugin.status().message(),
              HasSubstr("no NCCL plugin symbol at all"));
}

TEST(NetPluginTest, AMissingVersionListsThoseThereAre) {
  NetPluginOptions options;
  options.abi_version = 6;
  auto plugin = NetPlugin::Load(kPlugin, options);
  EXPECT_EQ(plugin.status().code(), Code::kNotFound);
  EXPECT_THAT(plugin.status().message(),
              AllOf(HasSubstr("does not export ncclNetPlugin_v6"),
                    HasSubstr("ncclNetPlugin_v12, ncclNetPlugin_v11")));
}

TEST(NetPluginTest, AFailedInitCarriesThePluginsWarning) {
  setenv("ITHACA_TEST_NET", "fail_init=1", 1);
  for (int version : {8, 10, 11, 12}) {
    NetPluginOptions options;
    options.abi_version = version;
    auto plugin = NetPlugin::Load(kPlugin, options);
    ASSERT_TRUE(plugin.ok());
    auto context = NetContext::Open(*plugin, 1);
    EXPECT_THAT(context.status().message(),
                AllOf(HasSubstr("ncclSystemError (2)"),
                      HasSubstr("init was told to fail")));
  }
  unsetenv("ITHACA_TEST_NET");
}

TEST(NetPluginTest, NoDeviceIsAnError) {
  setenv("ITHACA_TEST_NET", "no_devices=1", 1);
  auto plugin = NetPlugin::Load(kPlugin, {});
  ASSERT_TRUE(plugin.ok());
  auto context = NetContext::Open(*plugin, 1);
  ASSERT_TRUE(context.ok());
  EXPECT_EQ((*context)->DeviceCount().status().code(), Code::kNotFound);
  unsetenv("ITHACA_TEST_NET");
}

TEST(NetPluginTest, PropertiesAreWidened) {
  for (int version : {8, 9, 10, 11, 12}) {
    NetPluginOptions options;
    options.abi_version = version;
    auto plugin = NetPlugin::Load(kPlugin, options);
    ASSERT_TRUE(plugin.ok());
    auto context = NetContext::Open(*plugin, 1);
    ASSERT_TRUE(context.ok()) << context.status().ToString();
    auto props = (*context)->Properties(0);
    ASSERT_TRUE(props.ok()) << props.status().ToString();
    EXPECT_STREQ(props->name, "test0");
    EXPECT_EQ(props->speed, 1000);
    EXPECT_EQ(props->maxP2pBytes, size_t{1} << 30);
    EXPECT_EQ(props->vProps.ndevs, 1);
    EXPECT_EQ(props->railId, abi::kUndefined);
  }
}

TEST(NetPluginTest, EveryResultHasAName) {
  for (int i = 0; i < 8; ++i) {
    EXPECT_THAT(ResultName(static_cast<abi::Result>(i)), HasSubstr("nccl"));
  }
  EXPECT_THAT(ResultName(static_cast<abi::Result>(99)), HasSubstr("no result"));
}

TEST(PluginLogTest, KeepsTheLastWarning) {
  auto log = PluginLog::Create(nullptr);
  ASSERT_TRUE(log.ok());
  const abi::Logger logger = (*log)->logger();
  logger(abi::DebugLevel::kInfo, 0, "f.cc", 1, "hello %d", 1);
  EXPECT_EQ((*log)->LastWarning(), "");
  logger(abi::DebugLevel::kWarn, 0, "f.cc", 2, "bad %s", "thing");
  logger(abi::DebugLevel::kInfo, 0, nullptr, 3, "bye");
  EXPECT_EQ((*log)->LastWarning(), "bad thing");
  EXPECT_THAT((*log)->LastLines(),
              ElementsAre("INFO hello 1", "WARN bad thing", "INFO bye"));
}

TEST(PluginLogTest, LogsDoNotMixAndLateLinesAreDropped) {
  auto a = PluginLog::Create(nullptr);
  auto b = PluginLog::Create(nullptr);
  const abi::Logger late = (*a)->logger();
  late(abi::DebugLevel::kWarn, 0, "f", 1, "for a");
  EXPECT_EQ((*b)->LastWarning(), "");
  a->reset();
  late(abi::DebugLevel::kWarn, 0, "f", 1, "nobody listens");
  EXPECT_EQ((*b)->LastWarning(), "");
}

TEST(PluginLogTest, SixteenAtOnce) {
  std::vector<std::unique_ptr<PluginLog>> logs;
  for (;;) {
    auto log = PluginLog::Create(nullptr);
    if (!log.ok()) {
      EXPECT_EQ(log.status().code(), Code::kResourceExhausted);
      break;
    }
    logs.push_back(std::move(log).value());
  }
  EXPECT_EQ(logs.size(), 16u);
}

}  // namespace
}  // namespace ithaca::driver
