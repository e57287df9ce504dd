// Reads the text format of Prometheus strictly, as a scraper does, and checks
// what a linter checks.
//
// Used by tests. Threads: pure functions.
#ifndef ITHACA_DAEMON_METRICS_EXPOSITION_FOR_TEST_H_
#define ITHACA_DAEMON_METRICS_EXPOSITION_FOR_TEST_H_

#include <map>
#include <string>
#include <vector>

namespace ithaca::metrics {

struct Exposition {
  // Type of each family, by name.
  std::map<std::string, std::string> types;
  // Value of each series, by the text before it: name{labels}.
  std::map<std::string, double> series;
  // What is wrong with it; empty: nothing. Forms, duplicates, HELP and TYPE
  // before the samples of each family, names (prefix, base units, _total for
  // counters alone), histograms (buckets that rise, +Inf, sum and count), at
  // most `max_labels` labels.
  std::vector<std::string> faults;

  double Get(const std::string& name) const {
    const auto found = series.find(name);
    return found == series.end() ? -1 : found->second;
  }
};

Exposition ReadExposition(const std::string& text, size_t max_labels);

// What fell, of counters, and of histograms' buckets, counts and sums.
std::vector<std::string> FallenCounters(const Exposition& before,
                                        const Exposition& after);

}  // namespace ithaca::metrics

#endif  // ITHACA_DAEMON_METRICS_EXPOSITION_FOR_TEST_H_
