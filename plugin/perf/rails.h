// What each network interface carried, whatever plugin drove it.
//
// From the interface counters of the process's own network namespace, in
// /proc/self/net/dev: /sys/class/net shows those of the namespace in which it
// was mounted. Counted are packets with their headers, traffic of others on the
// same interface included. Pure but for ReadRails. Used by the
// runner, before and after an iteration.
#ifndef ITHACA_PLUGIN_PERF_RAILS_H_
#define ITHACA_PLUGIN_PERF_RAILS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ithaca::perf {

struct RailBytes {
  std::string name;  // of the interface
  uint64_t sent = 0;
  uint64_t received = 0;
};

// The text of /proc/net/dev. Lines that make no sense are left out.
std::vector<RailBytes> ParseNetDev(const std::string& text);
// Reads the counters now; empty where there is no /proc.
std::vector<RailBytes> ReadRails();

// What went through from `a` to `b`, for interfaces that are in both. A counter
// that fell began anew at 0 in between.
std::vector<RailBytes> MovedBetween(const std::vector<RailBytes>& a,
                                    const std::vector<RailBytes>& b);

// Which interfaces a plugin was told to use, by the values of ITHACA_RAILS (a
// list of names, or "auto") and NCCL_SOCKET_IFNAME (NCCL's syntax: a list of
// prefixes, "=" before it for exact names, "^" to exclude). Null: unset.
// Two plugins may be compared, so that each variable adds its interfaces.
class RailChoice {
 public:
  RailChoice(const char* ithaca_rails, const char* nccl_socket_ifname);
  // Those named, busy or not; when none is, those that moved anything.
  std::vector<RailBytes> Of(const std::vector<RailBytes>& rails) const;

 private:
  bool Names(const std::string& interface) const;

  std::vector<std::string> exact_;
  std::vector<std::string> prefixes_;
};

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_RAILS_H_
