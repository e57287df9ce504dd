#include "daemon/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>

namespace ithaca::metrics {
namespace {

// Children that a family has at most. Methods and reasons come from tables of
// the daemon's own; the budget is for what a mistake would make of them.
constexpr size_t kPairs = 400;
constexpr size_t kMethods = 60;
constexpr size_t kCauses = 30;
constexpr size_t kOne = 1;

prometheus::MetricFamily FamilyOf(const std::string& name,
                                  const std::string& help,
                                  prometheus::MetricType type,
                                  const std::vector<Value>& values) {
  prometheus::MetricFamily family{name, help, type, {}};
  for (const Value& value : values) {
    prometheus::ClientMetric metric;
    metric.label = value.labels;
    metric.gauge.value = value.value;
    metric.counter.value = value.value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

prometheus::MetricFamily GaugeOf(const std::string& name,
                                 const std::string& help,
                                 const std::vector<Value>& values) {
  return FamilyOf(name, help, prometheus::MetricType::Gauge, values);
}

prometheus::MetricFamily CounterOf(const std::string& name,
                                   const std::string& help,
                                   const std::vector<Value>& values) {
  return FamilyOf(name, help, prometheus::MetricType::Counter, values);
}

Metrics::Metrics(const std::string& version)
    : calls(&registry_, "ithaca_calls_total", "Calls that ended.",
            {"method", "reason"}, kPairs),
      call_seconds(&registry_, "ithaca_call_seconds",
                   "Unary calls, from their first byte to their answer.",
                   {"method"}, kMethods),
      streams(&registry_, "ithaca_streams", "Streams that are open.",
              {"method"}, kMethods),
      epochs(&registry_, "ithaca_group_epochs_total", "Epochs that began.",
             {"cause"}, kCauses),
      evictions(&registry_, "ithaca_group_evictions_total",
                "Members that were lost or left.", {"cause"}, kCauses),
      suspects(&registry_, "ithaca_group_suspects_total",
               "Suspicions of a member's loss.", {"cause"}, kCauses),
      resyncs(&registry_, "ithaca_stream_resyncs_total",
              "Slow readers that were sent a whole group.", {}, kOne),
      store_commit_seconds(&registry_, "ithaca_store_commit_seconds",
                           "Durable writes of the store.", {}, kOne),
      store_failures(&registry_, "ithaca_store_failures_total",
                     "Writes of the store that failed.", {}, kOne),
      planner_seconds(&registry_, "ithaca_planner_seconds",
                      "Planning, without waiting for a place.", {}, kOne),
      planner_refusals(&registry_, "ithaca_planner_refusals_total",
                       "Calls of the planner that were turned away.", {"cause"},
                       kCauses),
      connections(&registry_, "ithaca_connections",
                  "Connections that were let in and are open.", {}, kOne),
      refused_connections(&registry_, "ithaca_connections_refused_total",
                          "Connections that were not let in.", {"cause"},
                          kCauses) {
  prometheus::BuildGauge()
      .Name("ithaca_build_info")
      .Help("1; the version is in the label.")
      .Register(registry_)
      .Add({{"version", version}})
      .Set(1);
  // What may never happen is told from the beginning, as zero.
  resyncs.Child({});
  store_commit_seconds.Child({});
  store_failures.Child({});
  planner_seconds.Child({});
  connections.Child({});
}

int Metrics::AddSource(Source source) {
  std::lock_guard<std::mutex> lock(mutex_);
  sources_[++last_source_] = std::move(source);
  return last_source_;
}

void Metrics::RemoveSource(int number) {
  std::lock_guard<std::mutex> lock(mutex_);
  sources_.erase(number);
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  {
    // Held while they run, so that none runs once it was removed.
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [number, source] : sources_) {
      for (prometheus::MetricFamily& family : source())
        families.push_back(std::move(family));
    }
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

}  // namespace ithaca::metrics
