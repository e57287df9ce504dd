#include "daemon/groups/rpc_status.h"

#include <gtest/gtest.h>

#include <random>

#include "ithaca/groups/v1/errors.pb.h"

namespace ithaca::groups {
namespace {

TEST(RpcStatus, EveryCodeSurvivesTheRoundTrip) {
  for (int code = 1; code <= 16; ++code) {
    Refusal refusal{static_cast<absl::StatusCode>(code),
                    "SOME_REASON",
                    "it; is: so",
                    "do that",
                    {{"current_epoch", "12"}}};
    if (code % 2 == 0) refusal.next_step.clear();
    const grpc::Status status = ToRpcStatus(refusal);
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message().rfind("SOME_REASON: it; is: so", 0), 0u);
    const Refusal back = FromRpcStatus(status);
    EXPECT_EQ(back.code, refusal.code);
    EXPECT_EQ(back.reason, refusal.reason);
    EXPECT_EQ(back.sentence, refusal.sentence);
    EXPECT_EQ(back.next_step, refusal.next_step);
    EXPECT_EQ(back.facts, refusal.facts);
  }
}

TEST(RpcStatus, ARefusalForNowSaysWhenToTryAgain) {
  const grpc::Status status = ToRpcStatus({absl::StatusCode::kResourceExhausted,
                                           "RATE_LIMITED",
                                           "too often",
                                           "wait",
                                           {{kRetryAfterMs, "1250"}}});
  v1::RichStatus rich;
  ASSERT_TRUE(rich.ParseFromString(status.error_details()));
  ASSERT_EQ(rich.details_size(), 2);
  EXPECT_EQ(rich.details(1).type_url(),
            "type.googleapis.com/google.rpc.RetryInfo");
  v1::RetryInfo retry;
  ASSERT_TRUE(retry.ParseFromString(rich.details(1).value()));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
  EXPECT_EQ(FromRpcStatus(status).facts.at(kRetryAfterMs), "1250");
}

TEST(RpcStatus, LongTextIsCutBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 5000; ++i) text += "\xc3\xa9";
  const grpc::Status status =
      ToRpcStatus({absl::StatusCode::kAborted, "R", text, "next", {}});
  EXPECT_LT(status.error_message().size(), 1100u);
  EXPECT_LT(status.error_details().size(), 1300u);
  const Refusal back = FromRpcStatus(status);
  EXPECT_EQ(back.sentence, text.substr(0, 999) + " ...");
  EXPECT_EQ(back.next_step, "next");
}

TEST(RpcStatus, AStatusWithoutDetailsKeepsItsMessage) {
  const Refusal refusal = FromRpcStatus(
      grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection refused"));
  EXPECT_EQ(refusal.reason, "UNAVAILABLE");
  EXPECT_EQ(refusal.sentence, "connection refused");
  EXPECT_EQ(refusal.next_step, "");
}

TEST(RpcStatus, HostileDetailsAreIgnored) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const grpc::Status good = ToRpcStatus(
      {absl::StatusCode::kAborted, "R", "s", "n", {{"key", "value"}}});
  for (int i = 0; i < 20000; ++i) {
    std::string details = good.error_details();
    for (int hits = 1 + static_cast<int>(random() % 4); hits > 0; --hits) {
      details[random() % details.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) details.resize(random() % details.size());
    const Refusal refusal =
        FromRpcStatus(grpc::Status(grpc::StatusCode::ABORTED, "text", details));
    EXPECT_EQ(refusal.code, absl::StatusCode::kAborted);
  }
}

}  // namespace
}  // namespace ithaca::groups
