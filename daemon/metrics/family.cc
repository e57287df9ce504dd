#include "daemon/metrics/family.h"

namespace ithaca::metrics {

CounterFamily::CounterFamily(prometheus::Registry* registry,
                             const std::string& name, const std::string& help,
                             std::vector<std::string> labels,
                             size_t max_children)
    : children_(
          &prometheus::BuildCounter().Name(name).Help(help).Register(*registry),
          std::move(labels), max_children) {}

GaugeFamily::GaugeFamily(prometheus::Registry* registry,
                         const std::string& name, const std::string& help,
                         std::vector<std::string> labels, size_t max_children)
    : children_(
          &prometheus::BuildGauge().Name(name).Help(help).Register(*registry),
          std::move(labels), max_children) {}

const prometheus::Histogram::BucketBoundaries& SecondsFamily::Bounds() {
  static const auto* const bounds = new prometheus::Histogram::BucketBoundaries{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
      0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
  return *bounds;
}

SecondsFamily::SecondsFamily(prometheus::Registry* registry,
                             const std::string& name, const std::string& help,
                             std::vector<std::string> labels,
                             size_t max_children)
    : children_(&prometheus::BuildHistogram().Name(name).Help(help).Register(
                    *registry),
                std::move(labels), max_children) {}

}  // namespace ithaca::metrics
