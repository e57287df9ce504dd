#include "daemon/server/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ithaca::server {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LogTest : public testing::Test {
 protected:
  Log::Sink Sink() {
    return [this](const std::string& line) { lines_.push_back(line); };
  }
  std::vector<std::string> lines_;
};

const std::string kHostile = "a\n\"b\" \xff\\";

TEST_F(LogTest, LogfmtStaysOneLine) {
  Log(Sink()).Write(Level::kWarn, kHostile, {{"group", kHostile}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].find('\n'), std::string::npos);
  EXPECT_THAT(lines_[0],
              ContainsRegex("^time=[-0-9T:.]+Z level=warn msg=\"a\\\\n"));
  EXPECT_THAT(lines_[0], HasSubstr(" group=\"a\\n\\\"b\\\" \\xff\\\\\""));
}

TEST_F(LogTest, JsonIsAnObjectWithEveryField) {
  Log(Sink(), LogFormat::kJson)
      .Write(Level::kError, kHostile, {{"group", kHostile}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].find('\n'), std::string::npos);
  const auto line = nlohmann::json::parse(lines_[0]);
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["msg"], "a\n\"b\" \xef\xbf\xbd\\");
  EXPECT_EQ(line["group"], line["msg"]);
  EXPECT_EQ(line["time"].get<std::string>().size(), 24u);
}

TEST_F(LogTest, TellsWhatIsImportantEnough) {
  Log log(Sink(), LogFormat::kLogfmt, Level::kWarn);
  log.Info("no");
  log.Write(Level::kDebug, "no");
  log.Warn("yes");
  log.WarnLimited("yes too", 0);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("yes"), HasSubstr("yes too")));
}

TEST(ParseLog, KnowsItsWords) {
  EXPECT_EQ(*ParseLevel("debug"), Level::kDebug);
  EXPECT_EQ(*ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_THAT(std::string(ParseLevel("loud").status().message()),
              HasSubstr("use debug, info, warn or error"));
  EXPECT_FALSE(ParseLogFormat("xml").ok());
}

}  // namespace
}  // namespace ithaca::server
