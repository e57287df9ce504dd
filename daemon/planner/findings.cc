#include "daemon/planner/findings.h"

#include <utility>

#include "daemon/planner/field_error.h"

namespace ithaca::planner {
namespace {

// A hostile plan must not make an answer that is larger than itself.
constexpr size_t kMaxMessageBytes = 512;

}  // namespace

void Findings::Add(const std::string& field, const std::string& message) {
  if (full()) return;
  v1::Finding& finding = *response_.add_findings();
  finding.set_severity(v1::SEVERITY_ERROR);
  finding.set_field(field);
  finding.set_message(message.substr(0, kMaxMessageBytes));
}

bool Findings::AddStatus(const absl::Status& status) {
  if (status.ok()) return false;
  const std::string field = FieldOf(status);
  const size_t prefix = field.empty() ? 0 : field.size() + 2;
  Add(field, std::string(status.message().substr(prefix)));
  return true;
}

void Findings::ExpectEqual(const std::string& field, uint64_t want,
                           uint64_t found) {
  if (want != found) {
    Add(field, absl::StrCat("is ", found, ", expected ", want));
  }
}

bool Findings::ExpectSame(const std::string& field,
                          const google::protobuf::Message& want,
                          const google::protobuf::Message& found) {
  if (google::protobuf::util::MessageDifferencer::Equals(want, found)) {
    return true;
  }
  Add(field, absl::StrCat("is {", found.ShortDebugString(), "}, expected {",
                          want.ShortDebugString(), "}"));
  return false;
}

v1::ValidateResponse Findings::Take() {
  response_.set_valid(empty());
  return std::move(response_);
}

}  // namespace ithaca::planner
