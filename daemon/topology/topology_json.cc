#include "daemon/topology/topology_json.h"

#include <google/protobuf/util/json_util.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/topology/check.h"
#include "daemon/topology/file_error.h"

namespace ithaca::topology {

absl::StatusOr<v1::Topology> ReadTopologyJson(absl::string_view text,
                                              const std::string& path) {
  if (text.size() > kMaxJsonBytes) {
    return FileError(path, 0,
                     absl::StrCat("is ", text.size(), " bytes, at most ",
                                  kMaxJsonBytes, " are read"));
  }
  using google::protobuf::util::JsonStringToMessage;
  const std::string copy(text);
  v1::Topology topology;
  auto parsed = JsonStringToMessage(copy, &topology);
  if (!parsed.ok()) {
    v1::GetTopologyResponse answer;
    if (JsonStringToMessage(copy, &answer).ok()) {
      topology = std::move(*answer.mutable_topology());
    } else {
      const std::string why(parsed.message().data(), parsed.message().size());
      return FileError(path, 0,
                       absl::StrCat("is no ithaca.topology.v1.Topology: ",
                                    why.substr(0, 200)));
    }
  }
  if (topology.sources_size() == 0) {
    topology.add_sources()->set_kind(v1::SOURCE_KIND_JSON);
    topology.mutable_sources(0)->set_name(path);
    if (topology.origins_size() == 0) topology.add_origins()->set_source(0);
  }
  if (absl::Status s = CheckTopology(topology, path); !s.ok()) return s;
  return topology;
}

}  // namespace ithaca::topology
