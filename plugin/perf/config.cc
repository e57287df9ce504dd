#include "plugin/perf/config.h"

#include <getopt.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "plugin/driver/bootstrap.h"
#include "plugin/perf/sizes.h"

namespace ithaca::perf {
namespace {

using Set = std::function<Status(Config*, const std::string&)>;

struct Flag {
  const char* name;
  const char* argument;  // empty: none
  Set set;
};

Status BadValue(const char* flag, const std::string& value, const char* want) {
  return Errorf(Code::kInvalidArgument, "--%s=%s: %s", flag, value.c_str(),
                want);
}

Set Number(const char* name, int low, int high, int Config::*field) {
  return [=](Config* config, const std::string& value) {
    char* end = nullptr;
    const long number = strtol(value.c_str(), &end, 10);
    if (value.empty() || *end != '\0' || number < low || number > high) {
      const std::string want =
          std::to_string(low) + " to " + std::to_string(high);
      return BadValue(name, value, want.c_str());
    }
    config->*field = static_cast<int>(number);
    return Status();
  };
}

// Sets an int of the driver's options.
Set DriverNumber(const char* name, int low, int high,
                 int driver::CommunicatorOptions::*field) {
  return [=](Config* config, const std::string& value) {
    char* end = nullptr;
    const long number = strtol(value.c_str(), &end, 10);
    if (value.empty() || *end != '\0' || number < low || number > high) {
      const std::string want =
          std::to_string(low) + " to " + std::to_string(high);
      return BadValue(name, value, want.c_str());
    }
    config->driver.*field = static_cast<int>(number);
    return Status();
  };
}

Set DriverBytes(const char* name, size_t driver::CommunicatorOptions::*field) {
  return [=](Config* config, const std::string& value) {
    auto bytes = ParseBytes(value);
    if (!bytes.ok()) {
      return BadValue(name, value, bytes.status().message().c_str());
    }
    config->driver.*field = *bytes;
    return Status();
  };
}

template <typename T>
Set Choice(const char* name, std::map<std::string, T> choices,
           T Config::*field) {
  return [=](Config* config, const std::string& value) {
    const auto found = choices.find(value);
    if (found == choices.end()) {
      std::string want = "choose";
      for (const auto& choice : choices) want += " " + choice.first;
      return BadValue(name, value, want.c_str());
    }
    config->*field = found->second;
    return Status();
  };
}

Set Text(std::string Config::*field) {
  return [=](Config* config, const std::string& value) {
    config->*field = value;
    return Status();
  };
}

Status SetBytes(Config* config, const std::string& value) {
  auto list = ParseByteList(value);
  if (!list.ok()) return list.status();
  config->bytes = std::move(list).value();
  return Status();
}

Status SetTimeout(Config* config, const std::string& value) {
  char* end = nullptr;
  const double seconds = strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0' || !(seconds > 0 && seconds <= 86400)) {
    return BadValue("timeout", value, "seconds above 0, at most 86400");
  }
  config->timeout_ms = static_cast<int64_t>(seconds * 1000);
  return Status();
}

// PLUGIN[,NAME]. Nothing at all takes an earlier --compare back.
Status SetCompare(Config* config, const std::string& value) {
  const size_t comma = value.rfind(',');
  config->compare = !value.empty();
  config->compare_plugin = value.substr(0, comma);
  config->compare_name = comma == value.npos ? "" : value.substr(comma + 1);
  return Status();
}

Status AddCompareVariable(Config* config, const std::string& value) {
  const size_t equals = value.find('=');
  if (equals == value.npos || equals == 0) {
    return BadValue("compare-env", value, "write NAME=VALUE");
  }
  config->compare_environment.push_back(value);
  return Status();
}

std::vector<Flag> MakeFlags() {
  using driver::CallStyle;
  using Options = driver::CommunicatorOptions;
  const int kMany = std::numeric_limits<int>::max();
  return {
      {"plugin", "PATH", Text(&Config::plugin)},
      {"abi", "N", Number("abi", 6, 12, &Config::abi)},
      {"ranks", "N", Number("ranks", 1, 4096, &Config::ranks)},
      {"rank", "R", Number("rank", 0, 4095, &Config::rank)},
      {"rendezvous", "ADDRESS", Text(&Config::rendezvous)},
      {"listen-fd", "N", Number("listen-fd", 0, kMany, &Config::listen_fd)},
      {"pattern", "NAME",
       Choice<Pattern>("pattern",
                       {{"alltoall", Pattern::kAllToAll},
                        {"alltoallv", Pattern::kAllToAllv},
                        {"sendrecv", Pattern::kSendRecv},
                        {"latency", Pattern::kLatency}},
                       &Config::pattern)},
      {"bytes", "LIST", SetBytes},
      {"counts", "FILE", Text(&Config::counts_file)},
      {"skew", "K", Number("skew", 1, 1'000'000, &Config::skew)},
      {"exchange", "NAME",
       Choice<std::string>(
           "exchange",
           {{"seq_to_heads", "seq_to_heads"}, {"heads_to_seq", "heads_to_seq"}},
           &Config::exchange)},
      {"no-own-share", "",
       [](Config* config, const std::string&) {
         config->own_share = false;
         return Status();
       }},
      {"iters", "N", Number("iters", 1, 100'000, &Config::iters)},
      {"warmup", "N", Number("warmup", 0, 1'000'000, &Config::warmup)},
      {"pause", "MS", Number("pause", 0, 60'000, &Config::pause_ms)},
      {"round-trips", "N",
       Number("round-trips", 1, 1'000'000, &Config::round_trips)},
      {"channels", "N", DriverNumber("channels", 1, 64, &Options::channels)},
      {"chunk", "BYTES", DriverBytes("chunk", &Options::chunk_bytes)},
      {"ll-threshold", "BYTES",
       DriverBytes("ll-threshold", &Options::ll_threshold_bytes)},
      {"depth", "N", DriverNumber("depth", 0, 8, &Options::pipeline_depth)},
      {"group", "N", DriverNumber("group", 1, 8, &Options::group)},
      {"device", "N", DriverNumber("device", -1, 4095, &Options::device)},
      {"user-buffers", "",
       [](Config* config, const std::string&) {
         config->driver.user_buffers = true;
         return Status();
       }},
      {"null-pointers", "",
       [](Config* config, const std::string&) {
         config->driver.call_style = CallStyle::kBootstrap;
         return Status();
       }},
      {"verify", "WHAT",
       Choice<Verify>("verify",
                      {{"all", Verify::kAll},
                       {"first", Verify::kFirst},
                       {"none", Verify::kNone}},
                      &Config::verify)},
      {"timeout", "SECONDS", SetTimeout},
      {"output", "FORMAT",
       Choice<Output>("output",
                      {{"table", Output::kTable},
                       {"json", Output::kJson},
                       {"jsonl", Output::kJsonLines}},
                      &Config::output)},
      {"json", "",
       [](Config* config, const std::string&) {
         config->output = Output::kJsonLines;
         return Status();
       }},
      {"compare", "PLUGIN", SetCompare},
      {"compare-env", "NAME=VALUE", AddCompareVariable},
      {"turns", "N", Number("turns", 1, 10'000, &Config::turns)},
      {"stall", "MS",
       [](Config* config, const std::string& value) {
         char* end = nullptr;
         const long ms = strtol(value.c_str(), &end, 10);
         if (value.empty() || *end != '\0' || ms < 1 || ms > 3'600'000) {
           return BadValue("stall", value, "1 to 3600000 milliseconds");
         }
         config->driver.stall_threshold_ms = ms;
         return Status();
       }},
      {"rails", "",
       [](Config* config, const std::string&) {
         config->rails = true;
         return Status();
       }},
      {"verbose", "",
       [](Config* config, const std::string&) {
         config->verbose = true;
         return Status();
       }},
      {"help", "",
       [](Config* config, const std::string&) {
         config->help = true;
         return Status();
       }},
  };
}

// What no single flag can see.
Status CheckWhole(const Config& c) {
  if (c.rank >= 0) {
    if (c.ranks == 0) {
      return Errorf(Code::kInvalidArgument, "--rank needs --ranks");
    }
    if (c.rank >= c.ranks) {
      return Errorf(Code::kInvalidArgument,
                    "--rank=%d of --ranks=%d: ranks count from 0", c.rank,
                    c.ranks);
    }
    if (c.rendezvous.empty()) {
      return Errorf(Code::kInvalidArgument,
                    "--rank needs --rendezvous HOST:PORT, the same on every "
                    "rank; rank 0 listens there");
    }
    auto id = driver::RendezvousId::Parse(c.rendezvous);
    if (!id.ok()) return id.status();
  } else if (!c.rendezvous.empty()) {
    return Errorf(Code::kInvalidArgument,
                  "--rendezvous needs --rank; without it all ranks are "
                  "started here");
  }
  const bool v = c.pattern == Pattern::kAllToAllv;
  const bool uneven = !c.counts_file.empty() || c.skew > 0;
  if (v != uneven || (!c.counts_file.empty() && c.skew > 0)) {
    return Errorf(Code::kInvalidArgument,
                  v ? "--pattern=alltoallv needs either --counts FILE or "
                      "--skew K"
                    : "--counts and --skew are for --pattern=alltoallv");
  }
  if ((c.pattern == Pattern::kSendRecv || c.pattern == Pattern::kLatency) &&
      c.ranks == 1) {
    return Errorf(Code::kInvalidArgument, "--pattern=%s needs two ranks",
                  PatternName(c.pattern));
  }
  return Status();
}

}  // namespace

StatusOr<Config> ParseCommandLine(int argc, char* const* argv) {
  const std::vector<Flag> flags = MakeFlags();
  std::vector<option> options;
  for (const Flag& flag : flags) {
    const int argument =
        flag.argument[0] == '\0' ? no_argument : required_argument;
    options.push_back({flag.name, argument, nullptr, 0});
  }
  options.push_back({});
  Config config;
  config.driver.ll_threshold_bytes = 16 << 10;  // as NCCL
  opterr = 0;
  optind = 0;  // also forgets where an earlier parse stopped
  for (;;) {
    int index = -1;
    const int c = getopt_long(argc, argv, ":o:vh", options.data(), &index);
    if (c == -1) break;
    const std::string value = optarg == nullptr ? "" : optarg;
    if (c == '?' || c == ':') {
      return Errorf(Code::kInvalidArgument, "%s %s",
                    argv[std::max(optind - 1, 0)],
                    c == ':' ? "needs a value" : "is no flag of this program");
    }
    std::string name = index >= 0 ? flags[index].name : "";
    if (c == 'o') name = "output";
    if (c == 'v') name = "verbose";
    if (c == 'h') name = "help";
    for (const Flag& flag : flags) {
      if (name != flag.name) continue;
      ITHACA_RETURN_IF_ERROR(flag.set(&config, value));
    }
  }
  if (config.help) return config;
  if (optind < argc) {
    return Errorf(Code::kInvalidArgument, "\"%s\" belongs to no flag",
                  argv[optind]);
  }
  config.driver.timeout_ms = config.timeout_ms;
  ITHACA_RETURN_IF_ERROR(CheckWhole(config));
  return config;
}

const char* PatternName(Pattern pattern) {
  switch (pattern) {
    case Pattern::kAllToAll:
      return "alltoall";
    case Pattern::kAllToAllv:
      return "alltoallv";
    case Pattern::kSendRecv:
      return "sendrecv";
    case Pattern::kLatency:
      return "latency";
  }
  return "";
}

}  // namespace ithaca::perf
