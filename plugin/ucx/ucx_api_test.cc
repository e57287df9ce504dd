// Loading UCX where it is absent, too old, incomplete or unknown.
#include "plugin/ucx/ucx_api.h"

#include <gtest/gtest.h>
#include <ucs/config/types.h>

#include <map>
#include <set>
#include <string>

namespace ithaca {
namespace {

struct FakeUcm {
  ucs_log_level_t log_level = UCS_LOG_LEVEL_WARN;
  int enable_events = 1;
};

// What the fake functions below say and saw; each test resets it.
struct World {
  unsigned minor = 13;
  FakeUcm ucm;
  int events_when_initialised = -1;
  bool signals_disabled = false;
  std::map<std::string, std::string> options;
} world;

void FakeVersion(unsigned* major, unsigned* minor, unsigned* release) {
  *major = 1;
  *minor = world.minor;
  *release = 1;
}
void FakeUcmInit() { world.events_when_initialised = world.ucm.enable_events; }
void FakeDisableSignals() { world.signals_disabled = true; }
ucs_status_t FakeSetOption(const char* name, const char* value) {
  world.options[name] = value;
  return UCS_OK;
}
void Anything() {}

class FakeOpener : public LibraryOpener {
 public:
  bool IsOpen(const std::string& path) override {
    return already_open.count(path) != 0;
  }
  void* Open(const std::string& path, Binding, std::string* error) override {
    opened.push_back(path);
    if (path.find(missing_library) == std::string::npos ||
        missing_library.empty())
      return this;
    *error = missing_error;
    return nullptr;
  }
  void* Find(void*, const char* symbol) override {
    if (missing_symbol == symbol) return nullptr;
    const std::string name = symbol;
    if (name == "ucp_get_version") return Pointer(FakeVersion);
    if (name == "ucm_global_opts") return &world.ucm;
    if (name == "ucm_library_init") return Pointer(FakeUcmInit);
    if (name == "ucs_debug_disable_signals") return Pointer(FakeDisableSignals);
    if (name == "ucs_global_opts_set_value") return Pointer(FakeSetOption);
    return Pointer(Anything);
  }

  std::set<std::string> already_open;
  std::string missing_library;
  std::string missing_error = "no such file";
  std::string missing_symbol;
  std::vector<std::string> opened;

 private:
  template <typename Function>
  static void* Pointer(Function* function) {
    return reinterpret_cast<void*>(function);
  }
};

class UcxApiTest : public ::testing::Test {
 protected:
  UcxApiTest() {
    world = World();
    for (const char* name :
         {"UCX_MEM_EVENTS", "UCX_LOG_LEVEL", "UCX_MEMTYPE_CACHE"})
      unsetenv(name);
  }
  Status Load() { return LoadUcx({}, opener_).status(); }
  FakeOpener opener_;
};

void ExpectRemedy(const Status& status) {
  EXPECT_EQ(status.code(), Code::kNotFound) << status.ToString();
  EXPECT_NE(status.message().find("install libucx0"), std::string::npos);
  EXPECT_NE(status.message().find("ITHACA_LANES=socket"), std::string::npos);
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
}

TEST_F(UcxApiTest, BindsEverything) {
  const StatusOr<UcxApi> api = LoadUcx({}, opener_);
  ASSERT_TRUE(api.ok()) << api.status().ToString();
  EXPECT_EQ(api.value().version, "1.13.1");
#define ITHACA_CHECK_BOUND(name) EXPECT_NE(api.value().name, nullptr) << #name;
  ITHACA_UCP_FUNCTIONS(ITHACA_CHECK_BOUND)
  ITHACA_UCS_FUNCTIONS(ITHACA_CHECK_BOUND)
#undef ITHACA_CHECK_BOUND
}

TEST_F(UcxApiTest, TurnsMemoryHooksOffBeforeLibucsIsOpen) {
  ASSERT_TRUE(Load().ok());
  EXPECT_EQ(world.events_when_initialised, 0);
  ASSERT_EQ(opener_.opened.size(), 3u);
  EXPECT_EQ(opener_.opened[0], "libucm.so.0");
  EXPECT_TRUE(world.signals_disabled);
  EXPECT_EQ(world.options["LOG_LEVEL"], "fatal");
  EXPECT_EQ(world.options["MEMTYPE_CACHE"], "n");
}

TEST_F(UcxApiTest, RespectsTheUser) {
  setenv("UCX_MEM_EVENTS", "y", 1);
  setenv("UCX_LOG_LEVEL", "info", 1);
  setenv("UCX_MEMTYPE_CACHE", "y", 1);
  ASSERT_TRUE(Load().ok());
  EXPECT_EQ(world.events_when_initialised, -1);
  EXPECT_TRUE(world.options.empty());
}

TEST_F(UcxApiTest, LeavesSomebodyElsesUcxAlone) {
  opener_.already_open = {"libucs.so.0", "libucm.so.0"};
  ASSERT_TRUE(Load().ok());
  EXPECT_EQ(world.events_when_initialised, -1);
  EXPECT_FALSE(world.signals_disabled);
  EXPECT_TRUE(world.options.empty());
}

TEST_F(UcxApiTest, AnUnknownLibucmIsAnErrorWithTheRemedy) {
  world.ucm.enable_events = 17;
  const Status odd = Load();
  EXPECT_EQ(odd.code(), Code::kFailedPrecondition);
  EXPECT_NE(odd.message().find("UCX_MEM_EVENTS=n"), std::string::npos);
  EXPECT_EQ(world.events_when_initialised, -1);
  world = World();
  opener_.missing_symbol = "ucm_library_init";
  EXPECT_EQ(Load().code(), Code::kFailedPrecondition);
  setenv("UCX_MEM_EVENTS", "n", 1);  // the remedy helps
  EXPECT_TRUE(Load().ok());
}

TEST_F(UcxApiTest, AbsenceOfEachLibraryNamesTheRemedy) {
  for (const char* library : {"libucm", "libucs", "libucp"}) {
    opener_.missing_library = library;
    ExpectRemedy(Load());
  }
}

TEST_F(UcxApiTest, AFileThatIsNotThere) {
  UcxLibraries libraries;
  libraries.ucm = libraries.ucs = libraries.ucp = "/nonexistent/libucp.so.0";
  const Status status = LoadUcx(libraries).status();
  ExpectRemedy(status);
  EXPECT_NE(status.message().find("/nonexistent/libucp.so.0"),
            std::string::npos);
}

TEST_F(UcxApiTest, OldVersionsAreRefusedAndNewerOnesAreNot) {
  world.minor = 12;
  const Status old = Load();
  ExpectRemedy(old);
  EXPECT_NE(old.message().find("1.12.1"), std::string::npos);
  world.minor = 22;
  EXPECT_TRUE(Load().ok());
}

TEST_F(UcxApiTest, EveryFunctionIsRequired) {
#define ITHACA_CHECK_MISSING(name) \
  opener_.missing_symbol = #name;  \
  ExpectRemedy(Load());            \
  EXPECT_NE(Load().message().find(#name), std::string::npos) << #name;
  ITHACA_UCP_FUNCTIONS(ITHACA_CHECK_MISSING)
  ITHACA_UCS_FUNCTIONS(ITHACA_CHECK_MISSING)
#undef ITHACA_CHECK_MISSING
}

}  // namespace
}  // namespace ithaca
