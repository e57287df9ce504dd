#include "daemon/planner/rpc_status.h"

#include "daemon/planner/field_error.h"
#include "gtest/gtest.h"
#include "ithaca/groups/v1/errors.pb.h"

namespace ithaca::planner {
namespace {

groups::v1::ErrorInfo InfoOf(const grpc::Status& status) {
  groups::v1::RichStatus rich;
  groups::v1::ErrorInfo info;
  EXPECT_TRUE(rich.ParseFromString(status.error_details()));
  EXPECT_EQ(rich.code(), status.error_code());
  EXPECT_EQ(rich.message(), status.error_message());
  EXPECT_EQ(rich.details_size(), 1);
  if (rich.details_size() != 1) return info;
  EXPECT_EQ(rich.details(0).type_url(),
            "type.googleapis.com/google.rpc.ErrorInfo");
  EXPECT_TRUE(info.ParseFromString(rich.details(0).value()));
  EXPECT_EQ(info.domain(), "ithaca.dev");
  return info;
}

TEST(ToGrpcStatus, KeepsEveryCanonicalCodeAndTheMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(
        absl::Status(static_cast<absl::StatusCode>(code), "because"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "because");
    EXPECT_EQ(status.error_details(), "");
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

TEST(ToGrpcStatus, AFieldAtFaultIsInTheDetails) {
  const grpc::Status status =
      ToGrpcStatus(FieldError("workload.batch", "is 0"));
  EXPECT_EQ(status.error_message(), "workload.batch: is 0");
  const groups::v1::ErrorInfo info = InfoOf(status);
  EXPECT_EQ(info.reason(), kInvalidField);
  EXPECT_EQ(info.metadata().at("field"), "workload.batch");
  EXPECT_EQ(info.metadata().at("next_step"), "correct workload.batch");
}

TEST(Refuse, CarriesTheReasonAndTheNextStep) {
  const grpc::Status status = Refuse(grpc::StatusCode::UNIMPLEMENTED,
                                     kNotServed, "not here", "go there");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "not here; go there");
  EXPECT_EQ(InfoOf(status).reason(), kNotServed);
  EXPECT_EQ(InfoOf(status).metadata().at("next_step"), "go there");
}

}  // namespace
}  // namespace ithaca::planner
