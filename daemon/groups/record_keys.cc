#include "daemon/groups/record_keys.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ithaca::groups {

std::string PlanKey(const std::string& plan_hash) {
  return "plans/" + plan_hash;
}
std::string GroupPrefix(const std::string& id) {
  return absl::StrCat(kGroupsPrefix, id, "/");
}
std::string RecordKey(const std::string& id) {
  return GroupPrefix(id) + "record";
}
std::string SeatingKey(const std::string& id) {
  return GroupPrefix(id) + "seating";
}
std::string MemberPrefix(const std::string& id) {
  return GroupPrefix(id) + "m/";
}
std::string MemberKey(const std::string& id, uint64_t incarnation) {
  return MemberPrefix(id) + absl::StrFormat("%020d", incarnation);
}
std::string BlobPrefix(const std::string& id) { return GroupPrefix(id) + "b/"; }
std::string BarrierPrefix(const std::string& id) {
  return GroupPrefix(id) + "p/";
}

}  // namespace ithaca::groups
