// The library as a file: what it exports, what it needs, how it is marked.
//
// Reads it with nm and readelf, which come with the compiler. The first
// argument is the library's path.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "plugin/abi/versions.h"

namespace ithaca {
namespace {

std::string library_path;

// Standard output of `command`, split at white space; the command must succeed.
std::vector<std::vector<std::string>> RunTool(const std::string& command) {
  FILE* pipe = popen((command + " '" + library_path + "'").c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  if (pipe == nullptr) return {};
  std::string output;
  std::array<char, 4096> buffer;
  size_t n;
  while ((n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0)
    output.append(buffer.data(), n);
  EXPECT_EQ(pclose(pipe), 0) << command;
  std::vector<std::vector<std::string>> lines;
  std::istringstream stream(output);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::vector<std::string> split;
    for (std::string word; words >> word;) split.push_back(word);
    if (!split.empty()) lines.push_back(split);
  }
  return lines;
}

std::set<std::string> ListedSymbols() {
#define ITHACA_STRING(text) #text
#define ITHACA_NAME(symbol) ITHACA_STRING(symbol)
#define ITHACA_NET(version) ITHACA_NAME(ITHACA_NET_SYMBOL(version)),
#define ITHACA_TUNER(version) ITHACA_NAME(ITHACA_TUNER_SYMBOL(version)),
  return {ITHACA_NET_VERSIONS(ITHACA_NET) ITHACA_TUNER_VERSIONS(ITHACA_TUNER)};
}

// Lines of readelf's dynamic section that hold `tag`, joined.
std::vector<std::string> DynamicEntries(const std::string& tag) {
  std::vector<std::string> entries;
  for (const auto& line : RunTool("readelf -W --dynamic")) {
    if (line.size() < 2 || line[1] != "(" + tag + ")") continue;
    std::string joined;
    for (size_t i = 2; i < line.size(); ++i) joined += line[i] + " ";
    entries.push_back(joined);
  }
  return entries;
}

TEST(Artefact, ListHoldsTheVersionsThatAreSupported) {
  EXPECT_EQ(
      ListedSymbols(),
      (std::set<std::string>{
          "ncclNetPlugin_v6", "ncclNetPlugin_v7", "ncclNetPlugin_v8",
          "ncclNetPlugin_v9", "ncclNetPlugin_v10", "ncclNetPlugin_v11",
          "ncclNetPlugin_v12", "ncclTunerPlugin_v2", "ncclTunerPlugin_v3",
          "ncclTunerPlugin_v4", "ncclTunerPlugin_v5", "ncclTunerPlugin_v6"}));
}

TEST(Artefact, ExportsTheListedSymbolsAndNothingElse) {
  std::set<std::string> exported;
  for (const auto& line : RunTool("nm --dynamic --defined-only")) {
    ASSERT_EQ(line.size(), 3U);
    exported.insert(line[2]);
    // Data that becomes read-only once relocated; nm calls that D.
    EXPECT_EQ(line[1], "D") << line[2];
  }
  EXPECT_EQ(exported, ListedSymbols());
}

TEST(Artefact, NeedsTheCLibraryAlone) {
#ifdef ITHACA_SANITIZED
  GTEST_SKIP() << "a sanitizer's run-time library is needed too";
#endif
  // Parts of glibc; the last is the loader, for thread-local storage.
  const std::set<std::string> allowed = {
      "Shared library: [libc.so.6] ", "Shared library: [libm.so.6] ",
      "Shared library: [libdl.so.2] ", "Shared library: [libpthread.so.0] ",
      "Shared library: [ld-linux-x86-64.so.2] "};
  const std::vector<std::string> needed = DynamicEntries("NEEDED");
  EXPECT_FALSE(needed.empty());
  for (const std::string& entry : needed)
    EXPECT_TRUE(allowed.count(entry)) << entry;
}

TEST(Artefact, RunsOnGlibcOfUbuntu2204) {
#ifdef ITHACA_SANITIZED
  GTEST_SKIP() << "the sanitizers' own demands are not ours";
#endif
  for (const auto& line : RunTool("nm --dynamic --undefined-only")) {
    const std::string& symbol = line.back();
    const size_t at = symbol.find("@GLIBC_2.");
    if (at == std::string::npos) continue;
    EXPECT_LE(std::stoi(symbol.substr(at + 9)), 35) << symbol;
  }
}

TEST(Artefact, StaysLoadedAndResolvesEverythingAtOnce) {
  const std::vector<std::string> flags = DynamicEntries("FLAGS_1");
  ASSERT_EQ(flags.size(), 1U);
  EXPECT_NE(flags[0].find("NODELETE"), std::string::npos) << flags[0];
  EXPECT_NE(flags[0].find("NOW"), std::string::npos) << flags[0];
}

TEST(Artefact, HasNoExecutableStackAndNoTextRelocations) {
  EXPECT_TRUE(DynamicEntries("TEXTREL").empty());
  bool found = false;
  for (const auto& line : RunTool("readelf -W --program-headers")) {
    if (line[0] != "GNU_STACK") continue;
    found = true;
    for (const std::string& word : line) EXPECT_NE(word, "RWE");
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace ithaca

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s LIBRARY\n", argv[0]);
    return 2;
  }
  ithaca::library_path = argv[1];
  return RUN_ALL_TESTS();
}
