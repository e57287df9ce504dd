// `fabric bound` and `fabric bench`: flags in, table or JSON out.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "tests/fabric/bench.h"
#include "tests/fabric/commands.h"

namespace ithaca::fabric {
namespace {

struct Flags {
  BenchOptions bench;
  Row row;  // of --spec, --bytes, --skew, --count-burst
  std::string only;
  bool bytes_given = false;
  bool json = false;
  bool check = false;
  bool list = false;
};

Status Want(const std::string& flag, const std::string& what) {
  return Status(Code::kInvalidArgument, flag + ": want " + what);
}

StatusOr<int> Number(const std::string& flag, const std::string& text, int low,
                     int high) {
  const bool digits = !text.empty() && text.size() < 7 &&
                      text.find_first_not_of("0123456789") == text.npos;
  const int number = digits ? atoi(text.c_str()) : -1;
  if (number >= low && number <= high) return number;
  return Want(flag, std::to_string(low) + " to " + std::to_string(high));
}

Status SetNumber(const std::string& flag, const std::string& value, int low,
                 int high, int* out) {
  auto number = Number(flag, value, low, high);
  if (!number.ok()) return number.status();
  *out = *number;
  return Status();
}

// False: there is no such flag.
bool SetSwitch(const std::string& flag, Flags* f) {
  if (flag == "--json") return f->json = true;
  if (flag == "--check") return f->check = true;
  if (flag == "--list") return f->list = true;
  if (flag != "--count-burst") return false;
  f->row.burst = Burst::kCounted;
  return true;
}

Status SetValue(const std::string& flag, const std::string& value, Flags* f) {
  if (flag == "--only") return f->only = value, Status();
  if (flag == "--spec") return f->row.spec = value, Status();
  if (flag == "--plugin") return f->bench.plugin = value, Status();
  if (flag == "--perf") return f->bench.perf = value, Status();
  if (flag == "--iterations") {
    return SetNumber(flag, value, 1, 100'000, &f->bench.iterations);
  }
  if (flag == "--warmup") {
    return SetNumber(flag, value, 0, 100'000, &f->bench.warmup);
  }
  if (flag == "--timeout") {
    return SetNumber(flag, value, 1, 3600, &f->bench.timeout_s);
  }
  if (flag == "--nice") {
    int size = 0;
    const bool negative = !value.empty() && value[0] == '-';
    ITHACA_RETURN_IF_ERROR(
        SetNumber(flag, negative ? value.substr(1) : value, 0, 20, &size));
    f->bench.niceness = negative ? -size : size;
    return Status();
  }
  if (flag == "--skew") {
    int skew = 1;
    ITHACA_RETURN_IF_ERROR(SetNumber(flag, value, 1, 1000, &skew));
    f->row.skew = skew;
    return Status();
  }
  if (flag == "--bytes") {
    auto bytes = ParseSize(value);
    if (!bytes.ok()) return Want(flag, "a size such as 64k or 1m");
    f->row.bytes = *bytes;
    f->bytes_given = true;
    return Status();
  }
  if (flag == "--env") {
    const size_t equals = value.find('=');
    if (equals == value.npos) return Want(flag, "NAME=VALUE");
    f->bench.environment[value.substr(0, equals)] = value.substr(equals + 1);
    return Status();
  }
  return Status(Code::kInvalidArgument, flag + " is no flag of this command");
}

// "--flag value" and "--flag=value"; what is no flag goes to `rest`.
StatusOr<Flags> ParseFlags(const Arguments& arguments, Arguments* rest) {
  Flags flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string flag = arguments[i];
    if (flag.rfind("--", 0) != 0) {
      rest->push_back(flag);
      continue;
    }
    if (SetSwitch(flag, &flags)) continue;
    const size_t equals = flag.find('=');
    std::string value;
    if (equals != flag.npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return Want(flag, "a value");
    }
    ITHACA_RETURN_IF_ERROR(SetValue(flag, value, &flags));
  }
  return flags;
}

// The build puts tests/fabric/fabric and plugin/ithaca-perf below one folder.
std::string DefaultPerf() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
  const std::string self(path, n > 0 ? n : 0);
  const std::string mine = "tests/fabric/fabric";
  if (self.size() < mine.size()) return "ithaca-perf";
  return self.substr(0, self.size() - mine.size()) + "plugin/ithaca-perf";
}

StatusOr<std::vector<Row>> ChooseRows(const Flags& flags) {
  if (!flags.row.spec.empty()) {
    Row row = flags.row;
    row.name = "spec";
    return std::vector<Row>{row};
  }
  if (flags.bytes_given || flags.row.skew > 1 ||
      flags.row.burst == Burst::kCounted) {
    return Status(Code::kInvalidArgument,
                  "--bytes, --skew and --count-burst need --spec: rows of the "
                  "table have their own");
  }
  if (flags.only.empty()) return Table();
  std::vector<Row> rows;
  std::stringstream names(flags.only);
  std::string name;
  while (std::getline(names, name, ',')) {
    const size_t before = rows.size();
    for (const Row& row : Table()) {
      if (row.name.rfind(name, 0) == 0) rows.push_back(row);
    }
    if (rows.size() > before) continue;
    return Status(Code::kInvalidArgument,
                  "--only: no row starts with \"" + name +
                      "\"; fabric bench --list names them");
  }
  return rows;
}

void PrintHeader() {
  printf("%-24s %9s %11s %8s %5s %6s %8s %5s %6s  %s\n", "fabric", "bound ms",
         "measured ms", "fraction", "must", "burst", "CPU s/GB", "idle",
         "drops", "bound by");
}

void PrintRow(const Row& row, const Result& r) {
  const std::string must =
      row.must == 0 ? "" : std::to_string(row.must).substr(0, 4);
  printf("%-24s %9.1f %11.1f %8.3f %5s %6.3f %8.2f %4.0f%% %6llu  %s\n",
         row.name.c_str(), r.bound.seconds * 1e3, r.median_s * 1e3,
         r.Fraction(), must.c_str(), r.burst_counted.seconds / r.median_s,
         r.cpu_s_per_gb, r.idle * 100, static_cast<unsigned long long>(r.drops),
         r.bound.because.c_str());
  fflush(stdout);
}

nlohmann::ordered_json ToJson(const Row& row, const Result& r) {
  return {{"fabric", row.name},
          {"spec", row.spec},
          {"bytes", row.bytes},
          {"skew", row.skew},
          {"bound_ms", r.bound.seconds * 1e3},
          {"bound_by", r.bound.because},
          {"burst_counted", row.burst == Burst::kCounted},
          {"bound_burst_counted_ms", r.burst_counted.seconds * 1e3},
          {"measured_ms", r.median_s * 1e3},
          {"min_ms", r.min_s * 1e3},
          {"max_ms", r.max_s * 1e3},
          {"fraction", r.Fraction()},
          {"must", row.must},
          {"cpu_seconds_per_gigabyte", r.cpu_s_per_gb},
          {"processors_idle", r.idle},
          {"drops", r.drops}};
}

int PrintList() {
  for (const Row& row : Table()) {
    printf("%-24s must %.2f  %s\n", row.name.c_str(), row.must,
           row.spec.c_str());
  }
  return 0;
}

int MeasureAll(const std::vector<Row>& rows, const Flags& flags) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  bool failed = false, below = false;
  if (!flags.json) PrintHeader();
  for (const Row& row : rows) {
    auto result = Measure(row, flags.bench);
    if (!result.ok()) {
      failed = true;
      Failure(row.name + ": " + result.status().message());
      list.push_back(
          {{"fabric", row.name}, {"error", result.status().message()}});
      continue;
    }
    below = below || result->Fraction() < row.must;
    if (flags.json) {
      list.push_back(ToJson(row, *result));
    } else {
      PrintRow(row, *result);
    }
  }
  if (flags.json) {
    const nlohmann::ordered_json document = {
        {"tool", "fabric bench"},
        {"plugin", flags.bench.plugin},
        {"iterations", flags.bench.iterations},
        {"rows", list}};
    printf("%s\n", document.dump(2).c_str());
  }
  return failed || (flags.check && below) ? 1 : 0;
}

}  // namespace

int RunBound(const Arguments& arguments) {
  Arguments rest;
  auto flags = ParseFlags(arguments, &rest);
  if (!flags.ok()) return UsageError(flags.status().message());
  if (rest.size() != 1) return UsageError("bound takes one SPEC");
  auto spec = ReadSpec(rest[0]);
  if (!spec.ok()) return UsageError(spec.status().message());
  const Bound bound =
      ComputeBound(*spec, flags->row.MakeTraffic(*spec), flags->row.burst);
  printf("%.3f ms, %s\n", bound.seconds * 1e3, bound.because.c_str());
  return 0;
}

int RunBench(const Arguments& arguments) {
  Arguments rest;
  auto flags = ParseFlags(arguments, &rest);
  if (!flags.ok()) return UsageError(flags.status().message());
  if (!rest.empty()) return UsageError("\"" + rest[0] + "\" has no flag");
  if (flags->list) return PrintList();
  auto rows = ChooseRows(*flags);
  if (!rows.ok()) return UsageError(rows.status().message());
  for (const Row& row : *rows) {
    auto spec = ParseSpec(row.spec);
    if (!spec.ok()) return UsageError(spec.status().message());
  }
  if (flags->bench.perf.empty()) flags->bench.perf = DefaultPerf();
  if (access(flags->bench.perf.c_str(), X_OK) != 0) {
    return Failure("there is no " + flags->bench.perf +
                   "; remedy: bazel build //plugin:ithaca-perf "
                   "//plugin:libnccl-net-ithaca.so, or --perf PATH");
  }
  return MeasureAll(*rows, *flags);
}

}  // namespace ithaca::fabric
