// What the commands of `ithacactl store` print alike.
//
// Threads: pure functions.
#ifndef ITHACA_DAEMON_CLI_STORE_TEXT_H_
#define ITHACA_DAEMON_CLI_STORE_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

#include "daemon/store/store_files.h"

namespace ithaca::cli {

// "7 entries, 1234 bytes, revision 42, schema 2".
std::string FactsText(const store::StoreFacts& facts);
nlohmann::ordered_json FactsJson(const std::string& file,
                                 const store::StoreFacts& facts);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_STORE_TEXT_H_
