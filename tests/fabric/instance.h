// What a fabric leaves on the machine, and how all of it goes away.
//
// An instance is a set of named namespaces, ID-switch, ID-h0, ..., and a
// folder /run/ithaca-fabric/ID. A janitor, a process of its own, waits for the
// owner to end, by whatever means (return, exception, Ctrl-C, SIGKILL), and
// takes the instance down; so there is one way down, and it needs no signal
// handler. An instance that is to outlive its owner is kept: the janitor
// leaves, and `fabric down` does the work.
//
// Thread-confined; needs root.
#ifndef ITHACA_TESTS_FABRIC_INSTANCE_H_
#define ITHACA_TESTS_FABRIC_INSTANCE_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "plugin/core/status.h"

namespace ithaca::fabric {

class Instance {
 public:
  // Claims an unused id and starts the janitor.
  static StatusOr<std::unique_ptr<Instance>> Claim(const std::string& spec);
  // Takes it down unless kept, and returns when that is done.
  ~Instance();

  // Outlives this object and this process.
  Status Keep();

  const std::string& id() const { return id_; }

  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

 private:
  explicit Instance(std::string id) : id_(std::move(id)) {}
  Status StartJanitor();

  const std::string id_;
  pid_t janitor_ = -1;
  int alive_fd_ = -1;  // the janitor sees it close
};

struct InstanceInfo {
  std::string id;
  std::string spec;  // as given to Claim
  bool kept = false;
  pid_t owner = 0;           // who claimed it
  bool owner_alive = false;  // that very process, not one with its number
};

std::string InstanceFolder(const std::string& id);
std::string NamespacePath(const std::string& name);

std::vector<InstanceInfo> ListInstances();
// Ends every process inside, removes namespaces and folder. Harmless when there
// is nothing.
void TakeDown(const std::string& id);

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_INSTANCE_H_
