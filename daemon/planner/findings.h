// Collects what is wrong with a plan.
//
// Used by the check of plans. Confined to one thread; lives for one check.
#ifndef ITHACA_DAEMON_PLANNER_FINDINGS_H_
#define ITHACA_DAEMON_PLANNER_FINDINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/util/message_differencer.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

class Findings {
 public:
  // Keeps the first `limit` findings.
  explicit Findings(int limit) : limit_(limit) {}

  bool empty() const { return response_.findings().empty(); }
  bool full() const { return response_.findings_size() >= limit_; }

  void Add(const std::string& field, const std::string& message);

  // Adds an INVALID_ARGUMENT of FieldError's form; returns whether it was one.
  bool AddStatus(const absl::Status& status);

  void ExpectEqual(const std::string& field, uint64_t want, uint64_t found);

  // Every field alike, absent or not. Whether they are.
  bool ExpectSame(const std::string& field,
                  const google::protobuf::Message& want,
                  const google::protobuf::Message& found);

  // Same length and entries; the first entry that differs is named.
  template <typename T>
  void ExpectList(const std::string& field, const std::vector<T>& want,
                  const google::protobuf::RepeatedField<T>& found);

  // The answer; nothing may be added after it.
  v1::ValidateResponse Take();

 private:
  const int limit_;
  v1::ValidateResponse response_;
};

template <typename T>
void Findings::ExpectList(const std::string& field, const std::vector<T>& want,
                          const google::protobuf::RepeatedField<T>& found) {
  if (want.size() != static_cast<size_t>(found.size())) {
    Add(field,
        absl::StrCat("has ", found.size(), " entries, expected ", want.size()));
    return;
  }
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i] == found[i]) continue;
    ExpectEqual(absl::StrCat(field, "[", i, "]"), want[i], found[i]);
    return;
  }
}

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_FINDINGS_H_
