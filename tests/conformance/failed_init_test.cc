// init in an environment that it cannot serve. Run with a variable set wrongly;
// BLAMES is the text that the warning must hold.
#include <cstdlib>
#include <string>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

class FailedInit : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Net, FailedInit, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(FailedInit, IsAnErrorWithItsCauseAndNoContext) {
  const char* blames = std::getenv("BLAMES");
  ASSERT_NE(blames, nullptr);
  auto net = FindNetTable(Library(), GetParam());
  ASSERT_NE(net, nullptr);
  for (int attempt = 0; attempt < 3; ++attempt) {
    SCOPED_TRACE(attempt);
    TakeLog();
    void* ctx = Poison();
    EXPECT_TRUE(IsError(net->Init(&ctx, 1, nullptr, KeepLog, nullptr)));
    const std::string log = TakeLog();
    EXPECT_NE(log.find("WARN"), std::string::npos) << log;
    EXPECT_NE(log.find(blames), std::string::npos) << log;
    if (!net->has_contexts()) continue;
    EXPECT_EQ(ctx, nullptr);
    // NCCL 2.28 does this.
    EXPECT_EQ(net->Finalize(ctx), Result::kSuccess);
  }
}

TEST_P(FailedInit, WithoutALoggerIsNoCrash) {
  auto net = FindNetTable(Library(), GetParam());
  ASSERT_NE(net, nullptr);
  void* ctx = Poison();
  EXPECT_TRUE(IsError(net->Init(&ctx, 1, nullptr, nullptr, nullptr)));
}

}  // namespace
}  // namespace ithaca::conformance
