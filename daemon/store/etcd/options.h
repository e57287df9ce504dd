// What must be known to use a cluster of etcd, and how it is written on a
// command line.
//
// Used by OpenStore and the etcd store. Plain values.
#ifndef ITHACA_DAEMON_STORE_ETCD_OPTIONS_H_
#define ITHACA_DAEMON_STORE_ETCD_OPTIONS_H_

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace ithaca::store::etcd {

struct Options {
  // HOST:PORT each, at least one.
  std::vector<std::string> endpoints;
  // Everything is below this; ends with '/'.
  std::string prefix = "ithaca/";
  // PEM files. `ca` alone: the servers prove who they are; with `cert` and
  // `key`: so do we. All empty: no TLS.
  std::string ca;
  std::string cert;
  std::string key;
  // How long a call may take in all, and how long its first attempt at one
  // member; later attempts may take twice as long each.
  std::chrono::milliseconds call_timeout{8000};
  std::chrono::milliseconds attempt_timeout{1500};
  // How long a store that is opened may take until the first member answers; 0:
  // each is asked once.
  std::chrono::milliseconds open_timeout{0};
  // Told of what an operator should know. May be empty.
  std::function<void(const std::string&)> log;
};

// Reads "HOST:PORT,HOST:PORT,...[,prefix=P][,ca=FILE][,cert=FILE][,key=FILE]":
// what follows "etcd:" in a store's name. An IPv6 address stands in brackets.
// INVALID_ARGUMENT says what is wrong and how it is written.
absl::StatusOr<Options> ParseOptions(const std::string& text);

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_OPTIONS_H_
