#include "daemon/planner/rpc_status.h"

#include "daemon/planner/field_error.h"
#include "ithaca/groups/v1/errors.pb.h"

namespace ithaca::planner {
namespace {

static_assert(static_cast<int>(absl::StatusCode::kInvalidArgument) ==
              grpc::StatusCode::INVALID_ARGUMENT);
static_assert(static_cast<int>(absl::StatusCode::kUnauthenticated) ==
              grpc::StatusCode::UNAUTHENTICATED);

groups::v1::ErrorInfo MakeInfo(const std::string& reason,
                               const std::string& next_step) {
  groups::v1::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("ithaca.dev");
  (*info.mutable_metadata())["next_step"] = next_step;
  return info;
}

grpc::Status WithInfo(grpc::StatusCode code, const std::string& message,
                      const groups::v1::ErrorInfo& info) {
  groups::v1::RichStatus rich;
  rich.set_code(code);
  rich.set_message(message);
  google::protobuf::Any& detail = *rich.add_details();
  detail.set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  detail.set_value(info.SerializeAsString());
  return grpc::Status(code, message, rich.SerializeAsString());
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  // code() maps what is outside the canonical range to kUnknown.
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message(status.message());
  const std::string field = FieldOf(status);
  if (field.empty()) return grpc::Status(code, message);
  groups::v1::ErrorInfo info = MakeInfo(kInvalidField, "correct " + field);
  (*info.mutable_metadata())["field"] = field;
  return WithInfo(code, message, info);
}

grpc::Status Refuse(grpc::StatusCode code, const std::string& reason,
                    const std::string& what, const std::string& next_step) {
  return WithInfo(code, what + "; " + next_step, MakeInfo(reason, next_step));
}

}  // namespace ithaca::planner
