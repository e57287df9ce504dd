#include "daemon/planner/adapters/settings.h"

#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/planner/test_seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::HasSubstr;
using Read = absl::StatusOr<std::vector<Setting>> (*)(absl::string_view,
                                                      absl::string_view);

std::map<std::string, std::string> ValuesOf(Read read,
                                            const std::string& text) {
  const auto settings = read("text", text);
  EXPECT_TRUE(settings.ok()) << settings.status();
  std::map<std::string, std::string> values;
  if (!settings.ok()) return values;
  for (const Setting& setting : *settings)
    EXPECT_TRUE(values.emplace(setting.path, setting.value).second);
  return values;
}

void ExpectRefused(Read read, const std::string& text,
                   const std::string& problem) {
  const auto settings = read("text", text);
  EXPECT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument)
      << text.substr(0, 100);
  EXPECT_THAT(std::string(settings.status().message()), HasSubstr(problem));
  EXPECT_EQ(settings.status().message().substr(0, 5), "text:");
}

using Values = std::map<std::string, std::string>;

TEST(ReadJson, FlattensAndKeepsTypes) {
  EXPECT_EQ(
      ValuesOf(ReadJson, R"({"a": {"b": 1, "c.d": "x"}, "e": [1, {"f": 2}],
                                  "g": {}, "h": null, "i": 1.5, "j": true})"),
      (Values{{"a.b", "1"},
              {"a.c\\.d", "\"x\""},
              {"e", "[1,{\"f\":2}]"},
              {"g", "{}"},
              {"h", "null"},
              {"i", "1.5"},
              {"j", "true"}}));
}

TEST(ReadJson, Refuses) {
  ExpectRefused(ReadJson, "", "not valid JSON");
  ExpectRefused(ReadJson, "[1]", "not a JSON object");
  ExpectRefused(ReadJson, "{\n\"a\": 1,\n oops}", "line 3");
  ExpectRefused(ReadJson, R"({"a": {"b": 1, "b": 2}})", "\"b\" twice");
  ExpectRefused(ReadJson, std::string(kMaxSettingsBytes + 1, ' '), "at most");
  ExpectRefused(ReadJson, "{\"a\":" + std::string(100, '['), "nests deeper");
}

TEST(ReadYaml, FlattensAndKnowsLines) {
  const auto settings = ReadYaml("text",
                                 "# comment\n"
                                 "model:\n"
                                 "  size: 8\n"
                                 "  name: \"8\"\n"
                                 "on: True\n"
                                 "list: [8, 2]\n"
                                 "none: ~\n"
                                 "rate: 1e-5\n"
                                 "word: a2a+p2p\n");
  ASSERT_TRUE(settings.ok()) << settings.status();
  ASSERT_EQ(settings->size(), 7u);
  EXPECT_EQ((*settings)[0].path, "model.size");
  EXPECT_EQ((*settings)[0].value, "8");
  EXPECT_EQ((*settings)[0].line, 3);
  EXPECT_EQ((*settings)[1].value, "\"8\"");
  EXPECT_EQ((*settings)[2].value, "true");
  EXPECT_EQ((*settings)[3].value, "[8,2]");
  EXPECT_EQ((*settings)[3].line, 6);
  EXPECT_EQ((*settings)[4].value, "null");
  EXPECT_EQ((*settings)[5].value, "1e-05");
  EXPECT_EQ((*settings)[6].value, "\"a2a+p2p\"");
}

TEST(ReadYaml, Refuses) {
  ExpectRefused(ReadYaml, "- 1\n- 2\n", "not a map");
  ExpectRefused(ReadYaml, "a: [1\nb: 2\n", "not valid YAML");
  ExpectRefused(ReadYaml, "a: 1\na: 2\n", "line 2: has the key \"a\" twice");
  ExpectRefused(ReadYaml, "a: " + std::string(1000, '['), "nests deeper");
  ExpectRefused(ReadYaml, "a: *nowhere\n", "not valid YAML");
  // Aliases that would grow without end.
  std::string bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 12; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [");
    for (int k = 0; k < 9; ++k)
      absl::StrAppend(&bomb, k > 0 ? ", " : "", "*a", i - 1);
    absl::StrAppend(&bomb, "]\n");
  }
  ExpectRefused(ReadYaml, bomb, "too many values");
}

TEST(ReadToml, FlattensAndKnowsLines) {
  const auto settings = ReadToml("text",
                                 "[parallelism]\n"
                                 "degree = 4\n"
                                 "names = [\"a\", \"b\"]\n"
                                 "[job.inner]\n"
                                 "on = true\n"
                                 "at = 2026-01-02\n");
  ASSERT_TRUE(settings.ok()) << settings.status();
  std::map<std::string, int> lines;
  for (const Setting& s : *settings) lines[s.path] = s.line;
  EXPECT_EQ(lines["parallelism.degree"], 2);
  EXPECT_EQ(lines["job.inner.on"], 5);
  EXPECT_EQ(lines.size(), 4u);
}

TEST(ReadToml, Refuses) {
  ExpectRefused(ReadToml, "[a]\nb = \n", "line 2");
  ExpectRefused(ReadToml, "a = 1\na = 2\n", "not valid TOML");
  ExpectRefused(ReadToml, "a = " + std::string(5000, '['), "not valid TOML");
}

TEST(ReadWords, ReadsACommandLine) {
  EXPECT_EQ(ValuesOf(ReadWords,
                     "torchrun --nproc_per_node 8 pretrain.py \\\n"
                     "  --tensor-model-parallel-size 2  # two\n"
                     "  --sizes 8 2 --type=a2a+p2p --flag --name 'two words'\n"
                     "  --lr 1e-4 --neg -1 --size 3 --size 4\n"),
            (Values{{"nproc_per_node", "[8,\"pretrain.py\"]"},
                    {"tensor_model_parallel_size", "2"},
                    {"sizes", "[8,2]"},
                    {"type", "\"a2a+p2p\""},
                    {"flag", "true"},
                    {"name", "\"two words\""},
                    {"lr", "\"1e-4\""},
                    {"neg", "-1"},
                    {"size", "4"}}));
}

TEST(ReadWords, ReadsArraysAndStringsOfAScript) {
  const Values want = {{"a", "1"}, {"b_c", "[8,2]"}};
  EXPECT_EQ(ValuesOf(ReadWords, "ARGS=(\n  --a 1\n  --b-c 8 2\n)\n"), want);
  Values with_name =
      ValuesOf(ReadWords, "options=\" \\\n --a 1 \\\n --b-c 8 2\"\n");
  EXPECT_EQ(with_name, want);
}

TEST(ReadWords, AnOptionEndsWithItsLine) {
  EXPECT_EQ(
      ValuesOf(ReadWords,
               "A=8\nARGS=(\n --a 1\n --flag\n)\n"
               "torchrun ${ARGS[@]} pretrain.py \\\n  --sizes 8 \\\n 2\n"
               "echo done\n"),
      (Values{{"A", "8"}, {"a", "1"}, {"flag", "true"}, {"sizes", "[8,2]"}}));
  EXPECT_EQ(ValuesOf(ReadWords, "--a\n1\n--sizes\n8\n2\n--flag\n"),
            (Values{{"a", "1"}, {"sizes", "[8,2]"}, {"flag", "true"}}));
}

TEST(ReadWords, ReadsOverrides) {
  EXPECT_EQ(
      ValuesOf(ReadWords,
               "python -m verl a.b.c=8 +a.d=True 'e.f=x y' --x 1 g=[1,2]"),
      (Values{{"a.b.c", "8"},
              {"a.d", "true"},
              {"e.f", "\"x y\""},
              {"x", "1"},
              {"g", "\"[1,2]\""}}));
}

TEST(ReadWords, Refuses) {
  ExpectRefused(ReadWords, "--a 'open\n", "quote is not closed");
  ExpectRefused(ReadWords, std::string("--a\0", 4), "zero byte");
}

// What is written is read as the same settings.
TEST(WriteSettings, RoundTrips) {
  const std::vector<Setting> settings = *ReadJson(
      "text",
      R"({"a": {"b": 1, "c": "x y", "quote": "it's"}, "on": true, "off": false,
          "n": -1, "f": 1.5, "word": "8", "list": [8, 2], "empty": ""})");
  const auto same = [&](Read read, const std::string& text) {
    const auto again = read("text", text);
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
    Values want;
    Values found;
    for (const Setting& s : settings) want[s.path] = s.value;
    for (const Setting& s : *again) found[s.path] = s.value;
    EXPECT_EQ(found, want) << text;
  };
  same(ReadJson, WriteJson(settings));
  same(ReadYaml, WriteYaml(settings));
  same(ReadToml, WriteToml(settings));
}

TEST(WriteOptions, QuotesWhatAShellWouldRead) {
  Setting words;
  words.path = "data_path";
  words.value = "\"a b'c\"";
  Setting sizes;
  sizes.path = "hierarchical_sizes";
  sizes.value = "[8,2]";
  Setting flag;
  flag.path = "bf16";
  flag.value = "true";
  EXPECT_EQ(
      WriteOptions({words, sizes, flag}, '-'),
      "--data-path 'a b'\\''c' \\\n--hierarchical-sizes 8 2 \\\n--bf16\n");
  EXPECT_EQ(WriteOptions({sizes}, '_'), "--hierarchical_sizes 8 2\n");
  EXPECT_EQ(WriteOverrides({flag, words}),
            "bf16=true \\\n'data_path=a b'\\''c'\n");
}

// Whatever is done to a good text: settings or an error; and what was read can
// be written.
TEST(Settings, SurviveMutations) {
  std::mt19937_64 random(TestSeed());
  const std::string text =
      "model:\n  a: &x [1, 2]\n  b: \"q\"\nargs: --c-d 8 2 --e='f' g.h=1\n"
      "{\"k\": {\"l\": null}}\n[t]\nu = 1\n";
  static const char kAlphabet[] = "{}[]\"'#&*:,-=\n\\ \t.|>!%@`~0\xc3\x00z";
  for (int round = 0; round < 4000; ++round) {
    std::string mutated = text;
    for (int i = 0; i < 6; ++i) {
      const size_t at = random() % mutated.size();
      const char c = kAlphabet[random() % (sizeof kAlphabet - 1)];
      if (random() % 3 == 0) {
        mutated.erase(at, random() % 8);
      } else {
        mutated.insert(at, random() % 4 + 1, c);
      }
      if (mutated.empty()) mutated = text;
    }
    for (const Read read : {&ReadJson, &ReadYaml, &ReadToml, &ReadWords}) {
      const auto settings = read("text", mutated);
      if (!settings.ok()) {
        EXPECT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument);
        continue;
      }
      EXPECT_LE(settings->size(), kMaxSettings);
      WriteJson(*settings);
      WriteYaml(*settings);
      WriteToml(*settings);
      WriteOptions(*settings, '-');
    }
  }
}

}  // namespace
}  // namespace ithaca::planner
