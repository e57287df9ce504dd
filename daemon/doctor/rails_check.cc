#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {
namespace {

// NCCL_SOCKET_IFNAME: [^][=]name,name...
bool MatchesList(const std::string& name, absl::string_view list) {
  const bool exclude = absl::ConsumePrefix(&list, "^");
  const bool exact = absl::ConsumePrefix(&list, "=");
  bool match = false;
  for (absl::string_view part : absl::StrSplit(list, ',', absl::SkipEmpty())) {
    part = part.substr(0, part.find(':'));
    match = match || (exact ? name == part : absl::StartsWith(name, part));
  }
  return match != exclude;
}

// Whether the plugin would take it by the rules of its Options, were it up and
// had it an address.
bool IsWanted(const Host& host, const Interface& interface) {
  const std::string rails = host.Env("ITHACA_RAILS");
  const std::string ifname = host.Env("NCCL_SOCKET_IFNAME");
  if (!rails.empty() && rails != "auto") {
    const std::vector<std::string> names = absl::StrSplit(rails, ',');
    return std::count(names.begin(), names.end(), interface.name) != 0;
  }
  if (rails.empty() && !ifname.empty())
    return MatchesList(interface.name, ifname);
  return !interface.loopback && !interface.bridge;
}

void CheckOne(const Interface& rail, bool by_name, Report* report) {
  if (!rail.up) {
    const std::string seen = rail.name + " is down";
    if (by_name) {
      report->Fail(seen, "ip link set " + rail.name + " up; is a cable in it?");
    } else {
      report->Warn(seen, "the plugin goes without it; ip link set " +
                             rail.name + " up, or leave it");
    }
  } else if (rail.addresses.empty()) {
    const std::string seen = rail.name + " has no address";
    const std::string remedy = "give it one, or name the rails in ITHACA_RAILS";
    if (by_name) {
      report->Fail(seen, remedy);
    } else {
      report->Warn(seen, remedy);
    }
  } else if (rail.speed_mbps <= 0 && !rail.loopback) {
    report->Warn(rail.name + " does not tell its speed",
                 "normal for virtual ones; the plugin measures it, the planner "
                 "wants it from --topology");
  }
}

void CheckNames(const Host& host, const std::vector<Interface>& interfaces,
                Report* report) {
  const std::string rails = host.Env("ITHACA_RAILS");
  if (rails.empty() || rails == "auto") return;
  for (const std::string& name : std::vector<std::string>(
           absl::StrSplit(rails, ',', absl::SkipEmpty()))) {
    const bool there =
        std::any_of(interfaces.begin(), interfaces.end(),
                    [&name](const Interface& i) { return i.name == name; });
    if (!there)
      report->Fail("ITHACA_RAILS names " + name + ", which is not there",
                   "`ip -br link` lists what is");
  }
}

void CheckTogether(const Host& host, const std::vector<Interface>& rails,
                   Report* report) {
  std::set<int64_t> mtus;
  for (const Interface& rail : rails) mtus.insert(rail.mtu);
  if (mtus.size() > 1) {
    report->Warn(
        absl::StrCat("rails differ in their MTU: ", absl::StrJoin(mtus, ", ")),
        "make them alike, 9000 where the switches take it");
  }
  if (rails.size() < 2) return;
  for (const Interface& rail : rails) {
    const auto filter = [&host](const std::string& name) {
      return host.ReadNumber("/proc/sys/net/ipv4/conf/" + name + "/rp_filter")
          .value_or(0);
    };
    // The kernel takes the stricter of both.
    if (std::max(filter("all"), filter(rail.name)) == 1) {
      report->Warn(absl::StrCat(rail.name,
                                " drops what comes by another way than the "
                                "answer goes (rp_filter=1), as happens with "
                                "several rails in one subnet"),
                   absl::StrCat("sysctl -w net.ipv4.conf.all.rp_filter=2 "
                                "net.ipv4.conf.",
                                rail.name, ".rp_filter=2"));
    }
  }
}

}  // namespace

Findings CheckRails(const Host& host) {
  Report report("rails");
  const std::vector<Interface> interfaces = host.interfaces();
  const std::string names = host.Env("ITHACA_RAILS");
  const bool by_name = !names.empty() && names != "auto";
  CheckNames(host, interfaces, &report);
  std::vector<Interface> rails;
  std::vector<std::string> shown;
  for (const Interface& interface : interfaces) {
    if (!IsWanted(host, interface)) continue;
    CheckOne(interface, by_name, &report);
    if (!interface.up || interface.addresses.empty()) continue;
    rails.push_back(interface);
    shown.push_back(
        interface.speed_mbps > 0
            ? absl::StrCat(interface.name, " (", interface.speed_mbps, " Mb/s)")
            : interface.name);
  }
  CheckTogether(host, rails, &report);
  if (rails.empty()) {
    report.Fail("no rail is left: the plugin's init fails",
                "bring an interface up, or name it in ITHACA_RAILS");
  } else {
    report.Ok("the plugin takes " + absl::StrJoin(shown, ", "));
  }
  return report.Take();
}

}  // namespace ithaca::doctor
