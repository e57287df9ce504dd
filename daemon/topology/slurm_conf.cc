#include "daemon/topology/slurm_conf.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/topology/check.h"
#include "daemon/topology/file_error.h"
#include "daemon/topology/hostlist.h"
#include "daemon/topology/slots.h"
#include "daemon/topology/switches.h"

namespace ithaca::topology {
namespace {

constexpr size_t kMaxSwitches = 1 << 17;

// One line, continuations joined.
struct Line {
  std::string text;
  int number;
};

std::vector<Line> LinesOf(absl::string_view text) {
  std::vector<Line> lines;
  bool joins = false;
  int number = 0;
  for (absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    raw = raw.substr(0, raw.find('#'));
    raw = absl::StripAsciiWhitespace(raw);
    const bool continues = absl::EndsWith(raw, "\\");
    if (continues) raw.remove_suffix(1);
    if (joins) {
      absl::StrAppend(&lines.back().text, raw);
    } else {
      lines.push_back({std::string(raw), number});
    }
    joins = continues;
  }
  return lines;
}

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<v1::Topology> Read(absl::string_view text);

 private:
  void ReadLine(const Line& line);
  void ReadSizes(absl::string_view value);
  std::vector<std::string> Names(absl::string_view value);
  void Fail(absl::string_view problem) {
    if (status_.ok()) status_ = FileError(path_, line_, problem);
  }

  const std::string path_;
  int line_ = 0;
  size_t named_ = 0;  // names expanded so far
  std::vector<Switch> switches_;
  std::vector<Block> blocks_;
  std::vector<uint64_t> sizes_;
  int sizes_line_ = 0;
  absl::Status status_;
};

std::vector<std::string> Reader::Names(absl::string_view value) {
  auto names = ExpandHostlist(value, kMaxSwitches - named_);
  if (!names.ok()) {
    Fail(names.status().message());
    return {};
  }
  named_ += names->size();
  return *std::move(names);
}

void Reader::ReadSizes(absl::string_view value) {
  sizes_line_ = line_;
  for (absl::string_view size : absl::StrSplit(value, ',')) {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(size, &number) || number == 0 || number > kMaxNodes)
      return Fail("BlockSizes must be numbers of nodes, e.g. 18,72");
    sizes_.push_back(number);
  }
}

void Reader::ReadLine(const Line& line) {
  line_ = line.number;
  Switch made{"", {}, {}, line_};
  bool is_switch = false, is_block = false;
  for (absl::string_view word :
       absl::StrSplit(line.text, absl::ByAnyChar(" \t\r"), absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    const std::string key = absl::AsciiStrToLower(pair.first);
    if (key == "switchname" || key == "blockname") {
      is_switch = key == "switchname";
      is_block = !is_switch;
      made.name = std::string(pair.second);
      if (made.name.empty() || made.name.size() > kMaxNodeNameBytes)
        return Fail(absl::StrCat(pair.first, " must be followed by a name"));
    } else if (key == "switches") {
      made.switches = Names(pair.second);
    } else if (key == "nodes") {
      made.nodes = Names(pair.second);
    } else if (key == "blocksizes") {
      ReadSizes(pair.second);
    } else if (key == "include") {
      return Fail("Include is not followed; give the file itself");
    } else if (key != "linkspeed" && key != "comment") {
      return Fail(absl::StrCat("\"", word.substr(0, 80),
                               "\" is not known; known are SwitchName, "
                               "Switches, Nodes, BlockName, BlockSizes"));
    }
    if (!status_.ok()) return;
  }
  if (!is_switch && !is_block) {
    if (!made.nodes.empty() || !made.switches.empty())
      Fail("begin the line with SwitchName= or BlockName=");
    return;
  }
  if (is_block) {
    if (!made.switches.empty()) return Fail("a block has no Switches");
    blocks_.push_back({made.name, std::move(made.nodes), line_});
    return;
  }
  if (made.nodes.empty() == made.switches.empty())
    return Fail("a switch has either Switches or Nodes");
  switches_.push_back(std::move(made));
}

absl::StatusOr<v1::Topology> Reader::Read(absl::string_view text) {
  for (const Line& line : LinesOf(text)) {
    ReadLine(line);
    if (!status_.ok()) return status_;
  }
  if (switches_.empty() == blocks_.empty()) {
    return FileError(path_, 0,
                     switches_.empty()
                         ? "describes no switch and no block"
                         : "describes switches and blocks; keep one of them");
  }
  v1::Topology topology;
  topology.add_sources()->set_kind(v1::SOURCE_KIND_SLURM_CONF);
  topology.mutable_sources(0)->set_name(path_);
  topology.add_origins()->set_source(0);
  const absl::Status added =
      blocks_.empty()
          ? AddTree(switches_, path_, topology)
          : AddBlocks(blocks_, sizes_, sizes_line_, path_, topology);
  if (!added.ok()) return added;
  if (absl::Status s = CheckTopology(topology, path_); !s.ok()) return s;
  return topology;
}

}  // namespace

absl::StatusOr<v1::Topology> ReadSlurmConf(absl::string_view text,
                                           const std::string& path) {
  if (text.size() > kMaxSlurmBytes) {
    return FileError(path, 0,
                     absl::StrCat("is ", text.size(), " bytes, at most ",
                                  kMaxSlurmBytes, " are read"));
  }
  return Reader(path).Read(text);
}

}  // namespace ithaca::topology
