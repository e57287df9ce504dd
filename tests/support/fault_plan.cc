#include "tests/support/fault_plan.h"

#include <cstdlib>
#include <map>
#include <sstream>

namespace ithaca::testing {

bool FaultPlan::Parse(const char* text, std::string* error) {
  const std::map<std::string, uint64_t*> keys = {
      {"seed", &seed},
      {"null_percent", &null_percent},
      {"connect_delay", &connect_delay},
      {"done_delay", &done_delay},
      {"error_at_isend", &error_at_isend},
      {"error_at_test", &error_at_test},
      {"short_at", &short_at},
      {"corrupt_at", &corrupt_at},
      {"drop_at", &drop_at},
      {"early_ll", &early_ll},
      {"keep_preset", &keep_preset},
      {"extra_sizes", &extra_sizes},
      {"no_devices", &no_devices},
      {"fail_init", &fail_init},
      {"never_accept", &never_accept},
      {"block_in_test", &block_in_test},
      {"send_bytes_max", &send_bytes_max},
  };
  std::stringstream stream(text == nullptr ? "" : text);
  std::string item;
  while (std::getline(stream, item, ',')) {
    const size_t equals = item.find('=');
    const auto key = keys.find(item.substr(0, equals));
    if (equals == item.npos || key == keys.end()) {
      *error = "ITHACA_TEST_NET does not know \"" + item + "\"";
      return false;
    }
    *key->second = strtoull(item.c_str() + equals + 1, nullptr, 10);
  }
  return true;
}

bool IsTurn(std::atomic<uint64_t>* counter, uint64_t at) {
  return counter->fetch_add(1) + 1 == at;
}

}  // namespace ithaca::testing
