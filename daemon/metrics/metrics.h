// Every metric of the daemon: the one list of names, and what counts them.
//
// What is counted as it happens are the families below; what has a value only
// when somebody asks (how many groups there are) comes from sources that are
// called at each scrape.
//
// Made by the composition root and handed to what counts; scraped through
// ScrapeDoor. Threads: any. Life: outlives everything that counts.
#ifndef ITHACA_DAEMON_METRICS_METRICS_H_
#define ITHACA_DAEMON_METRICS_METRICS_H_

#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/metrics/family.h"

namespace ithaca::metrics {

class Metrics {
 private:
  prometheus::Registry registry_;  // before the families that live in it

 public:
  // Called at each scrape, on the scraper's thread; must not block for long.
  using Source = std::function<std::vector<prometheus::MetricFamily>()>;

  explicit Metrics(const std::string& version);

  // Calls that ended, by method ("ithaca.groups.v1.GroupsService/GetGroup") and
  // reason ("OK", or the refusal's code).
  CounterFamily calls;
  // From a unary call's first byte to its answer, by method.
  SecondsFamily call_seconds;
  // Streams that are open, by method.
  GaugeFamily streams;
  // Epochs that began, by cause (the event's reason code).
  CounterFamily epochs;
  // Members that were lost or that left, by cause.
  CounterFamily evictions;
  // Suspicions raised, by cause.
  CounterFamily suspects;
  // Readers that fell behind and were sent a whole group instead of its events.
  CounterFamily resyncs;
  // Durable writes of the store; and those that failed.
  SecondsFamily store_commit_seconds;
  CounterFamily store_failures;
  // Planning itself, without waiting for a place; and calls turned away since
  // too many waited.
  SecondsFamily planner_seconds;
  CounterFamily planner_refusals;
  // Connections that were let in and are open; those that were not let in, by
  // cause.
  GaugeFamily connections;
  CounterFamily refused_connections;

  // Until RemoveSource(number) has returned, the source may be called.
  int AddSource(Source source);
  void RemoveSource(int number);

  // The exposition, version 0.0.4 of the text format. Every family once.
  std::string Text() const;

 private:
  mutable std::mutex mutex_;
  std::map<int, Source> sources_;  // guarded by mutex_
  int last_source_ = 0;            // guarded by mutex_
};

// One value of a gauge or counter that a source gives.
struct Value {
  std::vector<prometheus::ClientMetric::Label> labels;
  double value = 0;
};
prometheus::MetricFamily GaugeOf(const std::string& name,
                                 const std::string& help,
                                 const std::vector<Value>& values);
prometheus::MetricFamily CounterOf(const std::string& name,
                                   const std::string& help,
                                   const std::vector<Value>& values);

}  // namespace ithaca::metrics

#endif  // ITHACA_DAEMON_METRICS_METRICS_H_
