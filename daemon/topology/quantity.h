// Quantities as people write them: "80GiB", "400Gbps", "3.35TB/s",
// "989.4TFLOPS".
//
// Used by the readers and writers of files. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_QUANTITY_H_
#define ITHACA_DAEMON_TOPOLOGY_QUANTITY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ithaca::topology {

enum class Unit {
  kBytes,           // B, KB .. EB by 1000, KiB .. EiB by 1024
  kBytesPerSecond,  // B/s, KB/s .. EB/s, KiB/s .. EiB/s
  kMegabits,        // of a link, per second: Mbps, Gbps, Tbps; also Gb/s
  kFlops,           // per second: FLOPS, KFLOPS .. EFLOPS
};

// The quantity in bytes, bytes per second, megabits per second or operations
// per second. Decimal digits with an optional point, an optional space, a unit.
// Exact: INVALID_ARGUMENT, with an example, when the text is something else,
// the number is no whole multiple of the smallest unit, is 0, or does not fit
// in 63 bits.
absl::StatusOr<uint64_t> ParseQuantity(absl::string_view text, Unit unit);

// The shortest text that ParseQuantity reads as `value`. REQUIRES: value > 0.
std::string QuantityText(uint64_t value, Unit unit);

// For people: three digits, e.g. "79.6GiB", "3.35TB/s".
std::string RoundedText(uint64_t value, Unit unit);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_QUANTITY_H_
