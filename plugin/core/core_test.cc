#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/log.h"
#include "plugin/core/options.h"
#include "plugin/core/status.h"

namespace ithaca {
namespace {

using testing::HasSubstr;

TEST(Status, CarriesCodeAndMessage) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status().ToString(), "OK");
  const std::string longer(2000, 'x');
  const Status status = Errorf(Code::kDataLoss, "%s!", longer.c_str());
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_EQ(status.message(), longer + "!");
  EXPECT_EQ(ErrnoError(Code::kUnavailable, ECONNREFUSED, "to %d", 7).ToString(),
            "UNAVAILABLE: to 7: Connection refused");
}

TEST(Status, EveryCodeHasItsOwnName) {
  std::vector<std::string> names;
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    const std::string name = CodeName(static_cast<Code>(code));
    EXPECT_NE(name, "UNKNOWN");
    EXPECT_THAT(names, testing::Not(testing::Contains(name)));
    names.push_back(name);
  }
}

TEST(StatusOr, HoldsEither) {
  StatusOr<int> value = 3;
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(*value, 3);
  EXPECT_TRUE(value.status().ok());
  value = Status(Code::kNotFound, "none");
  EXPECT_EQ(value.status().code(), Code::kNotFound);
}

class CapturingSink : public LogSink {
 public:
  void Write(LogLevel, const char*, int, const char* text) override {
    lines.push_back(text);
  }
  std::vector<std::string> lines;
};

TEST(Log, LongLinesArriveWhole) {
  CapturingSink sink;
  const std::string text(5000, 'y');
  ITHACA_WARN(sink, "%s", text.c_str());
  ITHACA_INFO(sink, "%d", 1);
  EXPECT_THAT(sink.lines, testing::ElementsAre(text, "1"));
}

TEST(Clock, NeverGoesBack) {
  const int64_t before = MonotonicClock().NowNs();
  EXPECT_LE(before, MonotonicClock().NowNs());
  FakeClock clock;
  const int64_t start = clock.NowNs();
  clock.AdvanceNs(5);
  EXPECT_EQ(clock.NowNs(), start + 5);
}

StatusOr<Options> Parse(std::vector<const char*> entries) {
  entries.push_back(nullptr);
  return Options::FromEnvironment(entries.data());
}

TEST(Options, DefaultsWithoutVariables) {
  auto options = Parse({"PATH=/bin", "nonsense"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->rails, "");
  EXPECT_EQ(options->peer_timeout_s, 30);
  EXPECT_EQ(options->eager_bytes, 8192);
  EXPECT_TRUE(options->shm);
}

TEST(Options, ReadsEveryVariable) {
  auto options =
      Parse({"ITHACA_RAILS=eth0,eth1", "ITHACA_DEVICES=split",
             "ITHACA_LANES=ucx", "ITHACA_PEER_TIMEOUT=5",
             "ITHACA_EAGER_BYTES=0", "ITHACA_FRAGMENT_BYTES=4096",
             "ITHACA_WINDOW_BYTES=65536", "ITHACA_RUN_DIR=/tmp/x",
             "ITHACA_SHM=0", "NCCL_SOCKET_IFNAME=^lo", "NCCL_HOSTID=box"});
  ASSERT_TRUE(options.ok()) << options.status().ToString();
  EXPECT_EQ(options->rails, "eth0,eth1");
  EXPECT_EQ(options->devices, Options::Devices::kSplit);
  EXPECT_EQ(options->lanes, Options::Lanes::kUcx);
  EXPECT_EQ(options->peer_timeout_s, 5);
  EXPECT_EQ(options->eager_bytes, 0);
  EXPECT_EQ(options->fragment_bytes, 4096);
  EXPECT_EQ(options->window_bytes, 65536);
  EXPECT_EQ(options->run_dir, "/tmp/x");
  EXPECT_FALSE(options->shm);
  EXPECT_EQ(options->socket_ifname, "^lo");
  EXPECT_EQ(options->host_id, "box");
}

TEST(Options, AnUnknownVariableIsAnErrorThatSuggests) {
  auto options = Parse({"ITHACA_RIALS=eth0"});
  ASSERT_FALSE(options.ok());
  EXPECT_THAT(options.status().message(), HasSubstr("ITHACA_RIALS"));
  EXPECT_THAT(options.status().message(), HasSubstr("ITHACA_RAILS"));
}

TEST(Options, AMalformedValueIsAnErrorThatNamesWhatIsLegal) {
  for (const char* entry :
       {"ITHACA_PEER_TIMEOUT=0", "ITHACA_PEER_TIMEOUT=5s",
        "ITHACA_PEER_TIMEOUT=-1", "ITHACA_PEER_TIMEOUT=",
        "ITHACA_EAGER_BYTES=65537", "ITHACA_WINDOW_BYTES=99999999999999999999",
        "ITHACA_LANES=tcp", "ITHACA_DEVICES=", "ITHACA_RAILS=a,,b",
        "ITHACA_SHM=on", "ITHACA_RAILS=", "ITHACA_FRAGMENT_BYTES=12k"}) {
    auto options = Parse({entry});
    ASSERT_FALSE(options.ok()) << entry;
    EXPECT_EQ(options.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(options.status().message(), HasSubstr("legal: ")) << entry;
  }
}

}  // namespace
}  // namespace ithaca
