// Deterministic mutations of files, for the tests of readers.
//
// Used by tests alone. Threads: one.
#ifndef ITHACA_DAEMON_TOPOLOGY_MUTATE_FOR_TEST_H_
#define ITHACA_DAEMON_TOPOLOGY_MUTATE_FOR_TEST_H_

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/topology/check.h"

namespace ithaca::topology {

// A file of testdata.
inline std::string TestFile(const std::string& name) {
  std::ifstream in("daemon/topology/testdata/" + name, std::ios::binary);
  EXPECT_TRUE(in.good()) << name;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// One to four edits of `text`: a byte changed, a piece dropped, doubled or put
// elsewhere, the end cut off, or a token that readers dislike put in.
inline std::string Mutate(std::string text, std::mt19937& random) {
  static const char* const kTokens[] = {"\"",
                                        "<",
                                        ">",
                                        "&",
                                        "[",
                                        "]",
                                        "{",
                                        "}",
                                        ":",
                                        ",",
                                        "-",
                                        "\n",
                                        "\t",
                                        "#",
                                        "0",
                                        "-1",
                                        "99999999999999999999",
                                        "1e999",
                                        "nan",
                                        "\xff",
                                        "&a;",
                                        "*a",
                                        "[1-99999999]",
                                        "null",
                                        "[[",
                                        "<a/>",
                                        "  ",
                                        "=",
                                        "\\",
                                        "/"};
  const auto at = [&](size_t size) { return random() % (size + 1); };
  for (unsigned edits = 1 + random() % 4; edits > 0; --edits) {
    const size_t from = at(text.size());
    const size_t length = std::min(at(40), text.size() - from);
    switch (random() % 6) {
      case 0:
        if (from < text.size()) text[from] = static_cast<char>(random());
        break;
      case 1:
        text.erase(from, length);
        break;
      case 2:
        text.insert(from, text.substr(from, length));
        break;
      case 3:
        text.insert(at(text.size()), text.substr(from, length));
        break;
      case 4:
        if (random() % 8 == 0) text.resize(from);
        break;
      default:
        text.insert(from, kTokens[random() % std::size(kTokens)]);
    }
  }
  return text;
}

// Reads `rounds` mutations of the seeds. Each must give INVALID_ARGUMENT that
// begins with `path`, or a topology that passes CheckTopology. Some must be
// read.
template <typename Read>
void ExpectMutationsAreHandled(const std::vector<std::string>& seeds,
                               const std::string& path, int rounds,
                               const Read& read) {
  std::mt19937 random(20261121);
  int good = 0, bad = 0;
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    const std::string text = Mutate(seeds[random() % seeds.size()], random);
    const absl::StatusOr<v1::Topology> topology = read(text);
    if (topology.ok()) {
      ++good;
      const absl::Status check = CheckTopology(*topology, "topology");
      EXPECT_TRUE(check.ok()) << check << "\n" << text;
    } else {
      ++bad;
      EXPECT_EQ(topology.status().code(), absl::StatusCode::kInvalidArgument)
          << topology.status() << "\n"
          << text;
      EXPECT_EQ(topology.status().message().substr(0, path.size()), path)
          << topology.status() << "\n"
          << text;
    }
  }
  EXPECT_GT(good, 0);
  EXPECT_GT(bad, 0);
}

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_MUTATE_FOR_TEST_H_
