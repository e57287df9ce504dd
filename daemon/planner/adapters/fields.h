// Typed reading of settings: each value has the type that the framework wants,
// or the text is refused with the key, the line and the remedy.
//
// Used by the readers of frameworks' configurations. Confined to one thread;
// lives for one text.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_FIELDS_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_FIELDS_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/planner/adapters/settings.h"

namespace ithaca::planner {

class Fields {
 public:
  // `what` names the text in errors. `settings` must outlive this; those that
  // are read are marked as understood.
  Fields(absl::string_view what, std::vector<Setting>& settings)
      : what_(what), settings_(settings) {}

  // Each of the following answers nothing when there is no such setting, when
  // it is null or the word "auto" (which the framework fills in; it is then
  // not marked), and after a value of the wrong type, which is the error.
  std::optional<uint64_t> Count(absl::string_view path, uint64_t low,
                                uint64_t high);
  // As Count, for degrees of parallelism: 1 to 65536.
  std::optional<uint32_t> Degree(absl::string_view path);
  // A degree that the framework fills in where it is -1: then nothing.
  std::optional<uint32_t> DegreeOrRest(absl::string_view path);
  std::optional<double> Number(absl::string_view path, double low, double high);
  std::optional<bool> Flag(absl::string_view path);
  // Any word when `words` is empty.
  std::optional<std::string> Word(absl::string_view path,
                                  std::initializer_list<const char*> words);
  // One or several.
  std::vector<uint64_t> Counts(absl::string_view path, uint64_t low,
                               uint64_t high);
  std::vector<std::string> Words(absl::string_view path,
                                 std::initializer_list<const char*> words);

  // Whether there is such a setting, of any type, or any below it.
  bool Has(absl::string_view path) const;
  // Marks the setting, and those below it, as understood.
  void Understand(absl::string_view path);

  // Makes `problem` the error of this text if it is the first. The message
  // begins with "<what>.<path>: ".
  void Fail(absl::string_view path, absl::string_view problem);
  const std::string& what() const { return what_; }
  // The first error.
  const absl::Status& status() const { return status_; }

 private:
  Setting* Find(absl::string_view path);

  const std::string what_;
  std::vector<Setting>& settings_;
  absl::Status status_;
};

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_FIELDS_H_
