// The doctor's command beside a real daemon; its checks have tests of their
// own.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/cli/commands.h"
#include "daemon/server/daemon_for_test.h"
#include "daemon/server/version.h"

namespace ithaca::cli {
namespace {

struct Outcome {
  int status;
  std::string out;
};

Outcome Ctl(const std::vector<std::string>& line) {
  std::istringstream in;
  std::ostringstream out, err;
  const int status = Main(line, {in, out, err, false});
  return {status, out.str()};
}

// The findings of one subject.
std::vector<nlohmann::json> Of(const nlohmann::json& answer,
                               const std::string& subject) {
  std::vector<nlohmann::json> found;
  for (const auto& finding : answer["findings"]) {
    if (finding["subject"] == subject) found.push_back(finding);
  }
  return found;
}

TEST(Doctor, SeesADaemonThatIsWell) {
  server::DaemonForTest daemon;
  daemon.Start();
  const Outcome outcome =
      Ctl({"doctor", "-o", "json", "--socket", daemon.socket()});
  const auto answer = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(outcome.status, answer["well"].get<bool>() ? kDone : kNo);
  const auto socket = Of(answer, "socket");
  ASSERT_EQ(socket.size(), 1u) << outcome.out;
  EXPECT_EQ(socket[0]["level"], "OK");
  EXPECT_EQ(socket[0]["remedy"], "");
  const auto store = Of(answer, "store");
  ASSERT_FALSE(store.empty());
  EXPECT_NE(store.back()["seen"].get<std::string>().find("in use by ithacad"),
            std::string::npos)
      << outcome.out;
  bool fails = false;
  for (const auto& finding : answer["findings"])
    fails = fails || finding["level"] == "FAIL";
  EXPECT_EQ(answer["well"].get<bool>(), !fails);
}

TEST(Doctor, SaysWhatIsBroken) {
  const std::string folder = server::MakeShortFolder();
  const Outcome outcome =
      Ctl({"doctor", "--socket", folder + "/ithacad.sock", "--store", "x:y"});
  EXPECT_EQ(outcome.status, kNo);
  EXPECT_NE(outcome.out.find("WARN  socket: no ithacad"), std::string::npos);
  EXPECT_NE(outcome.out.find("FAIL  store: --store=x:y is no store\n      -> "),
            std::string::npos)
      << outcome.out;
}

}  // namespace
}  // namespace ithaca::cli
