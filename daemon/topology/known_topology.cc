#include "daemon/topology/known_topology.h"

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/topology/merge.h"
#include "daemon/topology/read_topology.h"

namespace ithaca::topology {
namespace {

absl::StatusOr<v1::GetTopologyResponse> FindOut(
    const KnownTopology::Options& options) {
  v1::GetTopologyResponse answer;
  std::vector<v1::Topology> topologies;
  absl::StatusOr<Machine> machine = options.machine();
  for (const std::string& file : options.files) {
    const auto text = ReadTopologyFile(file);
    if (!text.ok()) return text.status();
    ReadOptions read;
    read.path = file;
    // A file that describes one node without a name describes this one.
    if (machine.ok()) read.node_name = machine->topology.nodes(0).name();
    auto topology = ReadTopology(*text, read);
    if (!topology.ok()) return topology.status();
    topologies.push_back(*std::move(topology));
  }
  if (machine.ok()) {
    topologies.push_back(std::move(machine->topology));
    for (const std::string& note : machine->notes) answer.add_notes(note);
  } else {
    answer.add_notes(absl::StrCat("this machine could not be looked at: ",
                                  machine.status().message()));
  }
  auto merged = MergeTopologies(topologies);
  if (!merged.ok()) return merged.status();
  *answer.mutable_topology() = std::move(merged->topology);
  for (v1::Conflict& conflict : merged->conflicts)
    *answer.add_conflicts() = std::move(conflict);
  return answer;
}

}  // namespace

KnownTopology::KnownTopology(Options options) : options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<KnownTopology>> KnownTopology::Start(
    Options options) {
  if (!options.machine) options.machine = [] { return DiscoverMachine({}); };
  std::unique_ptr<KnownTopology> known(new KnownTopology(std::move(options)));
  if (absl::Status s = known->Refresh(); !s.ok()) return s;
  return known;
}

std::shared_ptr<const v1::GetTopologyResponse> KnownTopology::Get() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return known_;
}

absl::Status KnownTopology::Refresh() {
  const std::lock_guard<std::mutex> refreshing(refresh_mutex_);
  auto answer = FindOut(options_);
  if (!answer.ok()) return answer.status();
  const auto before = Get();
  answer->set_revision(before == nullptr ? 1 : before->revision());
  if (before != nullptr &&
      answer->SerializeAsString() != before->SerializeAsString()) {
    answer->set_revision(before->revision() + 1);
  }
  auto known =
      std::make_shared<const v1::GetTopologyResponse>(*std::move(answer));
  const std::lock_guard<std::mutex> lock(mutex_);
  known_ = std::move(known);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadTopologyFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": cannot be read; give the path of a file"));
  }
  std::string text;
  char buffer[65536];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(in.gcount()));
    if (text.size() > kMaxTopologyFileBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": is larger than ", kMaxTopologyFileBytes, " bytes"));
    }
  }
  return text;
}

}  // namespace ithaca::topology
