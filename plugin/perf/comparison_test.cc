#include "plugin/perf/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace ithaca::perf {
namespace {

using nlohmann::ordered_json;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Two cases: `wall_us` and CPU for the second; nothing moves in the first.
std::string Printed(const char* name, double wall_us, double cpu) {
  auto result = [](int bytes, double wall, uint64_t payload, double cpu) {
    return ordered_json{{"bytes", bytes},
                        {"iterations", 2},
                        {"wall_median_us", wall},
                        {"gigabytes_per_second_per_rank", 1},
                        {"payload_bytes", payload},
                        {"cpu_seconds_per_gigabyte", cpu},
                        {"copy_seconds_per_gigabyte", 0.25},
                        {"longest_stall_us", wall / 2}};
  };
  const ordered_json document = {
      {"event", "summary"},
      {"plugin", {{"name", name}, {"abi", 12}, {"device", "d"}, {"path", "p"}}},
      {"run", {{"ranks", 2}, {"pattern", "alltoall"}, {"iterations", 2}}},
      {"results", {result(0, 5, 0, 0), result(1000, wall_us, 8000, cpu)}}};
  return "{\"event\":\"iteration\",\"wall_us\":1}\n" + document.dump() + "\n";
}

std::vector<Turn> TurnsOf(const char* name,
                          const std::vector<std::pair<double, double>>& list) {
  std::vector<Turn> turns;
  for (const auto& entry : list) {
    auto turn = ParseTurn(Printed(name, entry.first, entry.second));
    EXPECT_TRUE(turn.ok());
    turns.push_back(std::move(turn).value());
  }
  return turns;
}

TEST(ComparisonTest, RatiosAreOfNeighbouringTurns) {
  // The machine becomes slower from turn to turn; the ratio stays.
  const auto first = TurnsOf("a", {{10, 0.5}, {20, 0.75}, {40, 1.25}});
  const auto second = TurnsOf("b", {{20, 0.75}, {40, 1.25}, {160, 1.25}});
  const auto cases = CompareTurns(first, second);
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[1].bytes, 1000u);
  EXPECT_EQ(cases[1].time_ns.first->median, 20e3);
  EXPECT_EQ(cases[1].time_ns.second->max, 160e3);
  EXPECT_DOUBLE_EQ(cases[1].time_ns.ratio->median, 0.5);
  EXPECT_DOUBLE_EQ(cases[1].time_ns.ratio->min, 0.25);
  // 8000 bytes / 2 iterations / 2 ranks / 20 us.
  EXPECT_DOUBLE_EQ(cases[1].gigabytes_per_second.first->median, 0.1);
  EXPECT_DOUBLE_EQ(cases[1].gigabytes_per_second.ratio->median, 2);
  EXPECT_DOUBLE_EQ(cases[1].gigabytes_per_second.ratio->max, 4);
  EXPECT_DOUBLE_EQ(cases[1].cpu_seconds_per_gigabyte.ratio->median, 0.5 / 0.75);
  EXPECT_DOUBLE_EQ(cases[1].cpu_without_copies.ratio->median, 0.5);
  EXPECT_EQ(cases[1].longest_stall_ns[1], 80e3);
}

TEST(ComparisonTest, NothingMovedHasNoRates) {
  const auto cases =
      CompareTurns(TurnsOf("a", {{1, 1}}), TurnsOf("b", {{1, 1}}));
  EXPECT_FALSE(cases[0].gigabytes_per_second.ratio.has_value());
  EXPECT_FALSE(cases[0].cpu_seconds_per_gigabyte.first.has_value());
  EXPECT_FALSE(cases[0].cpu_without_copies.second.has_value());
  EXPECT_DOUBLE_EQ(cases[0].time_ns.ratio->median, 1);
}

std::string Print(Output output) {
  Comparison comparison;
  comparison.names[0] = "a";
  comparison.names[1] = "b";
  comparison.turns[0] = TurnsOf("a", {{10, 0.5}});
  comparison.turns[1] = TurnsOf("b", {{20, 1}});
  char* text = nullptr;
  size_t size = 0;
  FILE* file = open_memstream(&text, &size);
  PrintComparison(comparison, output, file);
  fclose(file);
  std::string result(text, size);
  free(text);
  return result;
}

TEST(ComparisonTest, PrintsTableAndDocument) {
  EXPECT_THAT(Print(Output::kTable),
              AllOf(HasSubstr("1 turns each"), HasSubstr("\n    1000 B a "),
                    HasSubstr("throughput 2.00 (2.00 to 2.00)"),
                    HasSubstr("CPU s/GB 0.50 (0.50 to 0.50)"),
                    HasSubstr("less copies 0.33")));
  const auto json = ordered_json::parse(Print(Output::kJsonLines));
  EXPECT_EQ(json["event"], "comparison");
  EXPECT_EQ(json["plugins"][1]["label"], "b");
  EXPECT_EQ(json["plugins"][0]["turns"][0].size(), 2u);
  EXPECT_EQ(json["comparison"][1]["time_ns"]["ratio"]["median"], 0.5);
  EXPECT_TRUE(json["comparison"][0]["gigabytes_per_second_per_rank"]["ratio"]
                  .is_null());
}

TEST(ComparisonTest, NonsenseIsRefused) {
  for (const char* text :
       {"", "x", "{}", "[]", "{\"event\":\"summary\"}",
        "{\"event\":\"summary\",\"plugin\":{},\"run\":{},\"results\":[]}",
        "{\"event\":\"summary\",\"plugin\":{},\"run\":{\"ranks\":2},"
        "\"results\":[{}]}"}) {
    EXPECT_EQ(ParseTurn(text).status().code(), Code::kDataLoss) << text;
  }
}

// Whatever comes is refused or understood.
TEST(ComparisonTest, MutationsAreRefusedOrRead) {
  const std::string good = Printed("a", 10, 1);
  std::mt19937 random(13);
  int refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    std::string text = good;
    for (int n = 1 + static_cast<int>(random() % 4); n > 0; --n) {
      text[random() % text.size()] = static_cast<char>(32 + random() % 95);
    }
    if (!ParseTurn(text).ok()) ++refused;
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace ithaca::perf
