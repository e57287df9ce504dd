#include "daemon/clients/cc/patience.h"

#include <gtest/gtest.h>

#include <string>

#include "daemon/groups/rpc_status.h"

namespace ithaca::client {
namespace {

using std::chrono::system_clock;

grpc::Status Later(const std::string& ms) {
  return groups::ToRpcStatus({absl::StatusCode::kResourceExhausted,
                              "RATE_LIMITED",
                              "too often",
                              "wait",
                              {{groups::kRetryAfterMs, ms}}});
}

TEST(RetryAfter, OnlyWhatTheDaemonSaid) {
  EXPECT_EQ(RetryAfter(Later("12")), std::chrono::milliseconds(12));
  EXPECT_FALSE(RetryAfter(grpc::Status::OK).has_value());
  EXPECT_FALSE(RetryAfter(Later("soon")).has_value());
  EXPECT_FALSE(RetryAfter(Later("-5")).has_value());
  EXPECT_FALSE(RetryAfter(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                       "message too large"))
                   .has_value());
}

TEST(CallPatiently, CallsAgainUntilItIsAnswered) {
  int calls = 0;
  const grpc::Status status =
      CallPatiently(system_clock::now() + std::chrono::minutes(1),
                    [&calls](grpc::ClientContext*) {
                      return ++calls < 4 ? Later("1") : grpc::Status::OK;
                    });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(calls, 4);
}

TEST(CallPatiently, DoesNotWaitInVain) {
  int calls = 0;
  const grpc::Status status =
      CallPatiently(system_clock::now() + std::chrono::minutes(1),
                    [&calls](grpc::ClientContext*) {
                      ++calls;
                      return Later("3600000");
                    });
  EXPECT_EQ(groups::FromRpcStatus(status).reason, "RATE_LIMITED");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace ithaca::client
