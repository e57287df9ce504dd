// The real machine: nothing is known about it but that looking does not hurt;
// and the plugin that was built with this.

#include "daemon/doctor/this_host.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "daemon/doctor/checks.h"
#include "daemon/doctor/host_for_test.h"

namespace ithaca::doctor {
namespace {

TEST(ThisHost, EveryCheckSaysSomething) {
  Host host = ThisHost();
  host.run_dir = "/nonexistent";
  host.store = "sqlite:/nonexistent/store.db";
  host.ask_daemon = [](const std::string&) { return DaemonAnswer{}; };
  const Findings findings = CheckAll(host);
  for (const char* subject :
       {"run directory", "socket", "store", "plugin", "nccl",
        "ithaca variables", "nccl variables", "rails", "limits", "clock",
        "kernel", "certificates"}) {
    EXPECT_TRUE(std::any_of(
        findings.begin(), findings.end(),
        [subject](const Finding& f) { return f.subject == subject; }))
        << subject;
  }
  for (const Finding& finding : findings) {
    EXPECT_FALSE(finding.seen.empty());
    EXPECT_EQ(finding.level == Level::kOk, finding.remedy.empty())
        << finding.seen;
  }
}

TEST(ThisHost, ThePluginAsBuiltIsWhole) {
  HostForTest test;
  char folder[4096];
  ASSERT_NE(getcwd(folder, sizeof folder), nullptr);
  test.Set("LD_LIBRARY_PATH", std::string(folder) + "/plugin");
  test.host.load = LoadLibrary;
  const Findings findings = CheckPlugin(test.host);
  EXPECT_TRUE(AllWell(findings));
  EXPECT_TRUE(Says(findings, Level::kOk, "/plugin/libnccl-net-ithaca.so", ""));
}

TEST(ThisHost, WhatIsNoLibraryIsAnError) {
  EXPECT_NE(LoadLibrary("/etc/passwd", {}, {}).error, "");
  EXPECT_NE(LoadLibrary("libnothing-of-this-name.so", {}, {}).error, "");
}

TEST(ThisHost, FileSystemsAreKnownByTheirKind) {
  const auto proc = LookAtFileSystem("/");
  ASSERT_TRUE(proc.has_value());
  EXPECT_GT(proc->free_bytes, 0u);
  EXPECT_FALSE(LookAtFileSystem("/nonexistent/at/all").has_value());
}

}  // namespace
}  // namespace ithaca::doctor
