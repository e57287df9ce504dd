#include "daemon/planner/rpc_status.h"

#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

TEST(ToGrpcStatus, KeepsEveryCanonicalCodeAndTheMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(
        absl::Status(static_cast<absl::StatusCode>(code), "because"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "because");
  }
}

TEST(ToGrpcStatus, StrangeCodesAreUnknown) {
  for (int code : {17, 99, -1}) {
    EXPECT_EQ(
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "x"))
            .error_code(),
        grpc::StatusCode::UNKNOWN);
  }
}

}  // namespace
}  // namespace ithaca::planner
