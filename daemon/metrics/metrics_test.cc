#include "daemon/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "daemon/metrics/exposition_for_test.h"
#include "daemon/metrics/process_figures.h"

namespace ithaca::metrics {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kMaxLabels = 2;

void CountSomething(Metrics* metrics) {
  metrics->calls.Count({"a.B/C", "OK"});
  metrics->calls.Count({"a.B/C", "STALE_EPOCH"}, 3);
  metrics->call_seconds.Child({"a.B/C"}).Observe(0.002);
  metrics->streams.Child({"a.B/W"}).Set(7);
  metrics->epochs.Count({"MEMBER_LOST"});
  metrics->connections.Child({}).Increment();
  metrics->refused_connections.Count({"not \"http2\"\n\\"});
}

TEST(Metrics, TheTextIsWhatAScraperTakes) {
  Metrics metrics("1.2.3");
  metrics.AddSource([] { return ProcessFigures("/proc"); });
  CountSomething(&metrics);
  const Exposition first = ReadExposition(metrics.Text(), kMaxLabels);
  EXPECT_THAT(first.faults, IsEmpty());
  EXPECT_EQ(first.Get("ithaca_build_info{version=\"1.2.3\"}"), 1);
  EXPECT_EQ(first.Get("ithaca_calls_total{method=\"a.B/C\",reason=\"OK\"}"), 1);
  EXPECT_EQ(first.Get("ithaca_streams{method=\"a.B/W\"}"), 7);
  EXPECT_EQ(first.Get("ithaca_call_seconds_count{method=\"a.B/C\"}"), 1);
  EXPECT_EQ(first.Get("ithaca_store_failures_total"), 0);
  EXPECT_GT(first.Get("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(first.Get("process_open_fds"), 2);
  EXPECT_GT(first.Get("process_start_time_seconds"), 1.6e9);
  EXPECT_GE(first.Get("process_threads"), 1);
  CountSomething(&metrics);
  const Exposition second = ReadExposition(metrics.Text(), kMaxLabels);
  EXPECT_THAT(FallenCounters(first, second), IsEmpty());
  EXPECT_THAT(FallenCounters(second, first),
              Contains("ithaca_calls_total{method=\"a.B/C\",reason=\"OK\"}"));
}

TEST(Metrics, AFamilyNeverGrowsBeyondItsBudget) {
  Metrics metrics("1");
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "m" + std::to_string(i);
    metrics.calls.Count({name, name});
    metrics.call_seconds.Child({name}).Observe(1);
    metrics.epochs.Count({name});
  }
  const Exposition read = ReadExposition(metrics.Text(), kMaxLabels);
  EXPECT_THAT(read.faults, IsEmpty());
  EXPECT_LT(read.series.size(), 2000u);
  EXPECT_EQ(read.Get("ithaca_calls_total{method=\"other\",reason=\"other\"}"),
            4600);
  EXPECT_EQ(read.Get("ithaca_group_epochs_total{cause=\"other\"}"), 4970);
}

TEST(Metrics, WhatHasEndedIsGone) {
  Metrics metrics("1");
  metrics.streams.Child({"a"}).Set(1);
  metrics.streams.Remove({"a"});
  metrics.streams.Remove({"never"});
  const int source = metrics.AddSource([]() {
    return std::vector{GaugeOf("ithaca_x", "x.", {{{{"of", "it"}}, 5}})};
  });
  EXPECT_THAT(metrics.Text(), HasSubstr("ithaca_x{of=\"it\"} 5"));
  metrics.RemoveSource(source);
  const std::string text = metrics.Text();
  EXPECT_EQ(text.find("ithaca_x"), std::string::npos);
  EXPECT_EQ(text.find("ithaca_streams{"), std::string::npos);
}

TEST(Metrics, ThreadsCountWhileOneScrapes) {
  Metrics metrics("1");
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&metrics, &running, t] {
      for (int i = 0; i < kRounds; ++i) {
        metrics.calls.Count({"m" + std::to_string((i + t) % 50), "OK"});
        metrics.store_commit_seconds.Child({}).Observe(0.001);
      }
      --running;
    });
  }
  Exposition last;
  while (running != 0) {
    const Exposition now = ReadExposition(metrics.Text(), kMaxLabels);
    EXPECT_THAT(FallenCounters(last, now), IsEmpty());
    last = now;
  }
  for (std::thread& thread : threads) thread.join();
  const Exposition end = ReadExposition(metrics.Text(), kMaxLabels);
  EXPECT_THAT(end.faults, IsEmpty());
  EXPECT_EQ(end.Get("ithaca_store_commit_seconds_count"), kThreads * kRounds);
}

// The linter itself finds what is wrong.
TEST(Exposition, FindsWhatIsWrong) {
  const auto faults = [](const std::string& text) {
    return ReadExposition(text, kMaxLabels).faults.size();
  };
  const std::string head =
      "# HELP ithaca_a_total Text.\n# TYPE ithaca_a_total counter\n";
  EXPECT_EQ(faults(head + "ithaca_a_total 1\n"), 0u);
  EXPECT_GT(faults(head + "ithaca_a_total 1\nithaca_a_total 2\n"), 0u);
  EXPECT_GT(faults(head + "ithaca_a_total one\n"), 0u);
  EXPECT_GT(faults(head + "ithaca_b_total 1\n"), 0u);
  EXPECT_GT(faults(head + "ithaca_a_total{a=\"1\",b=\"2\",c=\"3\"} 1\n"), 0u);
  EXPECT_GT(faults(head + "ithaca_a_total{a=\"1} 1\n"), 0u);
  EXPECT_GT(faults("# TYPE ithaca_a gauge\nithaca_a 1\n"), 0u) << "no HELP";
  for (const char* bad : {"ithaca_a gauge_total", "ithaca_a_ms gauge",
                          "ithaca_a counter", "other_a gauge"}) {
    const std::string name(bad, std::string(bad).find(' '));
    EXPECT_GT(
        faults(
            "# HELP " + name + " x\n# TYPE " + bad + "\n" +
            (std::string(bad).find("_total") == std::string::npos ? "" : "x")),
        0u)
        << bad;
  }
  const std::string histogram =
      "# HELP ithaca_h_seconds x\n# TYPE ithaca_h_seconds histogram\n"
      "ithaca_h_seconds_bucket{le=\"1\"} 5\n";
  EXPECT_GT(faults(histogram + "ithaca_h_seconds_bucket{le=\"+Inf\"} 4\n"
                               "ithaca_h_seconds_sum 1\n"
                               "ithaca_h_seconds_count 4\n"),
            0u);
  EXPECT_EQ(faults(histogram + "ithaca_h_seconds_bucket{le=\"+Inf\"} 6\n"
                               "ithaca_h_seconds_sum 1\n"
                               "ithaca_h_seconds_count 6\n"),
            0u);
}

}  // namespace
}  // namespace ithaca::metrics
