// Families of metrics with at most one or two labels, each child made when its
// label is first seen, and no more of them than the family's budget.
//
// Used through the catalogue in metrics.h. Threads: any. Life: as long as the
// registry that they were made in.
#ifndef ITHACA_DAEMON_METRICS_FAMILY_H_
#define ITHACA_DAEMON_METRICS_FAMILY_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ithaca::metrics {

// What stands in a label once a family has as many children as it may.
inline constexpr char kOther[] = "other";

// Children of one family, by the values of its labels.
template <typename Metric>
class Children {
 public:
  // `max_children` without the one for kOther.
  Children(prometheus::Family<Metric>* family, std::vector<std::string> labels,
           size_t max_children)
      : family_(family),
        labels_(std::move(labels)),
        max_children_(max_children) {}

  // The child with these values, made now if there is none; beyond the budget
  // the one whose values are all kOther. REQUIRES: one value per label.
  template <typename... MetricArguments>
  Metric& Get(std::vector<std::string> values,
              const MetricArguments&... arguments) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = children_.find(values);
    if (found != children_.end()) return *found->second;
    if (children_.size() >= max_children_)
      values.assign(labels_.size(), kOther);
    prometheus::Labels named;
    for (size_t i = 0; i < labels_.size(); ++i) named[labels_[i]] = values[i];
    // Makes nothing when there is one already.
    Metric& child = family_->Add(named, arguments...);
    if (children_.size() < max_children_) children_[values] = &child;
    return child;
  }

  // Drops the child, when what it tells of has ended.
  void Remove(const std::vector<std::string>& values) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = children_.find(values);
    if (found == children_.end()) return;
    family_->Remove(found->second);
    children_.erase(found);
  }

 private:
  prometheus::Family<Metric>* const family_;
  const std::vector<std::string> labels_;
  const size_t max_children_;
  std::mutex mutex_;
  std::map<std::vector<std::string>, Metric*> children_;  // guarded by mutex_
};

// Counts by the value of labels: `refused.Count({"too_many"})`.
class CounterFamily {
 public:
  CounterFamily(prometheus::Registry* registry, const std::string& name,
                const std::string& help, std::vector<std::string> labels,
                size_t max_children);
  void Count(std::vector<std::string> values, double by = 1) {
    children_.Get(std::move(values)).Increment(by);
  }
  // For those who count one thing very often.
  prometheus::Counter& Child(std::vector<std::string> values) {
    return children_.Get(std::move(values));
  }

 private:
  Children<prometheus::Counter> children_;
};

class GaugeFamily {
 public:
  GaugeFamily(prometheus::Registry* registry, const std::string& name,
              const std::string& help, std::vector<std::string> labels,
              size_t max_children);
  prometheus::Gauge& Child(std::vector<std::string> values) {
    return children_.Get(std::move(values));
  }
  void Remove(const std::vector<std::string>& values) {
    children_.Remove(values);
  }

 private:
  Children<prometheus::Gauge> children_;
};

// Durations, in seconds.
class SecondsFamily {
 public:
  // 100 us to 10 s.
  static const prometheus::Histogram::BucketBoundaries& Bounds();

  SecondsFamily(prometheus::Registry* registry, const std::string& name,
                const std::string& help, std::vector<std::string> labels,
                size_t max_children);
  prometheus::Histogram& Child(std::vector<std::string> values) {
    return children_.Get(std::move(values), Bounds());
  }

 private:
  Children<prometheus::Histogram> children_;
};

}  // namespace ithaca::metrics

#endif  // ITHACA_DAEMON_METRICS_FAMILY_H_
