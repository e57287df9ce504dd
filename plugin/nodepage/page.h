// The node page of this machine, mapped; made by whoever comes first.
//
// Used by the plugin's runtime, which opens it once per process. Thread-safe:
// what is shared are atomics (layout.h). Mapped as long as the object lives;
// the file stays, for those who come later.
#ifndef ITHACA_PLUGIN_NODEPAGE_PAGE_H_
#define ITHACA_PLUGIN_NODEPAGE_PAGE_H_

#include <memory>
#include <string>

#include "plugin/core/status.h"
#include "plugin/nodepage/layout.h"

namespace ithaca::nodepage {

// Where the page is: `chosen` (ITHACA_RUN_DIR), else /run/ithaca for root, else
// $XDG_RUNTIME_DIR/ithaca. NOT_FOUND when there is none.
StatusOr<std::string> RunDir(const std::string& chosen);

class NodePage {
 public:
  // Maps <run_dir>/node.page, which it makes when there is none, and the folder
  // too. All of it is allocated, so that no later access can fail for want of
  // room. Errors: the folder or the file cannot be made (UNAVAILABLE), there is
  // no room (RESOURCE_EXHAUSTED), or the file is none of ours
  // (FAILED_PRECONDITION): another version or size, no regular file, of another
  // user, or writable by all.
  static StatusOr<std::shared_ptr<NodePage>> Open(const std::string& run_dir);
  ~NodePage();
  NodePage(const NodePage&) = delete;
  NodePage& operator=(const NodePage&) = delete;

  PageWords& words() const { return *words_; }

 private:
  explicit NodePage(PageWords* words) : words_(words) {}

  PageWords* const words_;
};

}  // namespace ithaca::nodepage

#endif  // ITHACA_PLUGIN_NODEPAGE_PAGE_H_
