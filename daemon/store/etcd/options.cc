#include "daemon/store/etcd/options.h"

#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace ithaca::store::etcd {
namespace {

constexpr size_t kMaxEndpoints = 32;
constexpr size_t kMaxPrefixBytes = 256;

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("etcd store: ", what,
                   "; write etcd:HOST:PORT,HOST:PORT,... and, if wanted, "
                   "prefix=NAME/, ca=FILE, cert=FILE, key=FILE after them"));
}

absl::Status CheckEndpoint(const std::string& endpoint) {
  const size_t colon = endpoint.rfind(':');
  const std::string host = endpoint.substr(0, colon);
  int port = 0;
  if (colon == std::string::npos || host.empty() ||
      !absl::SimpleAtoi(endpoint.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return Wrong(absl::StrCat("'", endpoint, "' is not HOST:PORT"));
  }
  if (host.find('/') != std::string::npos)
    return Wrong(absl::StrCat("'", endpoint,
                              "' has a scheme or path; give host and port "
                              "alone (TLS comes with ca=FILE)"));
  const bool brackets = host.front() == '[' && host.back() == ']';
  if (host.find(':') != std::string::npos && !brackets)
    return Wrong(
        absl::StrCat("'", endpoint, "': an IPv6 address stands in brackets"));
  return absl::OkStatus();
}

absl::Status SetOption(const std::string& name, const std::string& value,
                       Options* options) {
  if (value.empty()) return Wrong(absl::StrCat(name, "= has no value"));
  if (name == "prefix") {
    options->prefix = value.back() == '/' ? value : value + "/";
    if (options->prefix.size() > kMaxPrefixBytes)
      return Wrong(
          absl::StrCat("the prefix has more than ", kMaxPrefixBytes, " bytes"));
  } else if (name == "ca") {
    options->ca = value;
  } else if (name == "cert") {
    options->cert = value;
  } else if (name == "key") {
    options->key = value;
  } else {
    return Wrong(absl::StrCat("unknown option '", name, "'"));
  }
  return absl::OkStatus();
}

absl::Status CheckWhole(const Options& options) {
  const std::set<std::string> distinct(options.endpoints.begin(),
                                       options.endpoints.end());
  if (options.endpoints.empty()) return Wrong("no endpoint is named");
  if (distinct.size() != options.endpoints.size())
    return Wrong("an endpoint is named twice");
  if (options.endpoints.size() > kMaxEndpoints)
    return Wrong(absl::StrCat("more than ", kMaxEndpoints, " endpoints"));
  if (options.cert.empty() != options.key.empty())
    return Wrong("cert= and key= go together");
  if (!options.cert.empty() && options.ca.empty())
    return Wrong("cert= needs ca=, which says whom to believe");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Options> ParseOptions(const std::string& text) {
  Options options;
  std::set<std::string> seen;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(text, ','))) {
    const size_t equals = part.find('=');
    absl::Status status;
    if (equals == std::string::npos) {
      status = CheckEndpoint(part);
      options.endpoints.push_back(part);
    } else {
      const std::string name = part.substr(0, equals);
      if (!seen.insert(name).second)
        return Wrong(absl::StrCat(name, "= is given twice"));
      status = SetOption(name, part.substr(equals + 1), &options);
    }
    if (!status.ok()) return status;
  }
  if (absl::Status status = CheckWhole(options); !status.ok()) return status;
  return options;
}

}  // namespace ithaca::store::etcd
