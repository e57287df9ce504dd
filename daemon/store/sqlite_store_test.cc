#include "daemon/store/sqlite_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "daemon/store/fault_vfs_for_test.h"

namespace ithaca::store {
namespace {

class SqliteStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/sqlite.XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/store.db";
  }
  void TearDown() override { RegisterFaultVfs().Clear(); }

  std::unique_ptr<Store> MustOpen(SqliteOptions options = {}) {
    if (options.path.empty()) options.path = path_;
    auto store = OpenSqliteStore(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  absl::Status OpenError() { return OpenSqliteStore({path_, "", 0}).status(); }
  void RawSql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  std::string folder_;
  std::string path_;
};

bool Contains(const absl::Status& status, const std::string& text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

TEST_F(SqliteStoreTest, KeepsEverythingOverReopening) {
  {
    auto store = MustOpen();
    ASSERT_TRUE(store->Txn({}, {Op::Put("a", "1"), Op::Put("b", "2")}).ok());
    ASSERT_TRUE(store->Txn({}, {Op::Delete("b")}).ok());
  }
  auto store = MustOpen();
  EXPECT_EQ(*store->Revision(), 2);
  ASSERT_TRUE((*store->Get("a")).has_value());
  EXPECT_EQ((*store->Get("a"))->create_revision, 1);
  EXPECT_FALSE((*store->Get("b")).has_value());
}

TEST_F(SqliteStoreTest, FileIsPrivateAndThereIsNoSharedMemory) {
  auto store = MustOpen();
  ASSERT_TRUE(store->Txn({}, {Op::Put("a", "1")}).ok());
  struct stat info {};
  for (const char* suffix : {"", "-wal"}) {
    ASSERT_EQ(stat((path_ + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600) << suffix;
  }
  EXPECT_NE(stat((path_ + "-shm").c_str(), &info), 0);
}

TEST_F(SqliteStoreTest, RefusesASecondOpener) {
  auto store = MustOpen();
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Contains(status, path_) && Contains(status, "already running"))
      << status;
  EXPECT_TRUE(store->Txn({}, {Op::Put("a", "1")}).ok());
  store.reset();
  EXPECT_TRUE(OpenError().ok());
}

TEST_F(SqliteStoreTest, RefusesASecondProcess) {
  auto store = MustOpen();
  const pid_t child = fork();
  if (child == 0) {
    const absl::Status status = OpenSqliteStore({path_, "", 0}).status();
    _exit(status.code() == absl::StatusCode::kFailedPrecondition ? 0 : 1);
  }
  int result = -1;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
}

TEST_F(SqliteStoreTest, RefusesWhatIsNotAStore) {
  RawSql("CREATE TABLE mine (x)");
  EXPECT_EQ(OpenError().code(), absl::StatusCode::kFailedPrecondition);
  RawSql("PRAGMA application_id=7");
  EXPECT_EQ(OpenError().code(), absl::StatusCode::kFailedPrecondition);
  std::ofstream(path_, std::ios::trunc) << std::string(9000, 'x');
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_TRUE(Contains(status, "restore a backup")) << status;
}

TEST_F(SqliteStoreTest, RefusesANewerSchema) {
  MustOpen().reset();
  RawSql("PRAGMA user_version=99");
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Contains(status, "99")) << status;
}

TEST_F(SqliteStoreTest, RefusesAMissingFolderAndALink) {
  path_ = folder_ + "/missing/store.db";
  EXPECT_EQ(OpenError().code(), absl::StatusCode::kNotFound);
  path_ = folder_ + "/link.db";
  ASSERT_EQ(symlink("/nowhere/else", path_.c_str()), 0);
  EXPECT_FALSE(OpenError().ok());
}

TEST_F(SqliteStoreTest, AFullDiskChangesNothingAndCanBeRetried) {
  auto store = MustOpen({path_, "", 64});
  ASSERT_TRUE(store->Txn({}, {Op::Put("a", "old")}).ok());
  const auto full = store->Txn(
      {}, {Op::Put("a", "new"), Op::Put("b", std::string(1 << 20, 'x'))});
  EXPECT_EQ(full.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Contains(full.status(), "make space")) << full.status();
  EXPECT_EQ((*store->Get("a"))->value, "old");
  EXPECT_FALSE((*store->Get("b")).has_value());
  EXPECT_EQ(*store->Revision(), 1);
  EXPECT_EQ(store->Txn({}, {Op::Put("a", "new")})->revision, 2);
}

TEST_F(SqliteStoreTest, ENOSPCFromTheFileSystemChangesNothing) {
  Faults& faults = RegisterFaultVfs();
  auto store = MustOpen({path_, "fault", 0});
  ASSERT_TRUE(store->Txn({}, {Op::Put("a", "old")}).ok());
  faults.code = SQLITE_FULL;
  faults.writes = 1;
  EXPECT_EQ(store->Txn({}, {Op::Put("a", "new")}).status().code(),
            absl::StatusCode::kResourceExhausted);
  faults.Clear();
  EXPECT_EQ((*store->Get("a"))->value, "old");
  EXPECT_EQ(store->Txn({}, {Op::Put("a", "new")})->revision, 2);
}

TEST_F(SqliteStoreTest, AFailedSyncStopsTheStoreUntilItIsReopened) {
  Faults& faults = RegisterFaultVfs();
  auto store = MustOpen({path_, "fault", 0});
  ASSERT_TRUE(store->Txn({}, {Op::Put("a", "old")}).ok());
  faults.code = SQLITE_IOERR_FSYNC;
  faults.syncs = 1;
  EXPECT_EQ(store->Txn({}, {Op::Put("a", "new")}).status().code(),
            absl::StatusCode::kUnavailable);
  faults.Clear();
  for (const absl::Status& status :
       {store->Get("a").status(), store->List("", "", 1).status(),
        store->Revision().status(),
        store->Txn({}, {Op::Put("a", "x")}).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_TRUE(Contains(status, "restart ithacad")) << status;
  }
  store.reset();
  store = MustOpen();
  EXPECT_TRUE(store->Txn({}, {Op::Put("a", "again")}).ok());
}

// A store made before leases: brought up to date, with a copy of what it was.
TEST_F(SqliteStoreTest, MigratesWithACopyOfTheFileBefore) {
  RawSql(
      "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision "
      "INTEGER NOT NULL) STRICT; INSERT INTO state VALUES (1, 7);"
      "CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL,"
      " create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL)"
      " STRICT; INSERT INTO entries VALUES (x'61', x'31', 3, 7);"
      "PRAGMA application_id=1230260291; PRAGMA user_version=1;");
  auto store = MustOpen();
  EXPECT_EQ(*store->Revision(), 7);
  EXPECT_EQ((*store->Get("a"))->value, "1");
  EXPECT_EQ((*store->Get("a"))->create_revision, 3);
  auto lease = *store->Grant(std::chrono::seconds(9), nullptr);
  EXPECT_TRUE(store->Txn({}, {Op::Put("b", "2", lease->id())}).ok());
  sqlite3* copy = nullptr;
  ASSERT_EQ(sqlite3_open((path_ + ".before-v2").c_str(), &copy), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(copy, "SELECT mod_revision FROM entries", nullptr,
                         nullptr, nullptr),
            SQLITE_OK);
  EXPECT_NE(sqlite3_exec(copy, "SELECT lease FROM entries", nullptr, nullptr,
                         nullptr),
            SQLITE_OK);
  sqlite3_close(copy);
}

TEST_F(SqliteStoreTest, WithoutACopyThereIsNoMigration) {
  RawSql(
      "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision "
      "INTEGER NOT NULL) STRICT; INSERT INTO state VALUES (1, 7);"
      "CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL,"
      " create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL)"
      " STRICT; PRAGMA application_id=1230260291; PRAGMA user_version=1;");
  ASSERT_EQ(mkdir((path_ + ".before-v2").c_str(), 0700), 0);
  EXPECT_FALSE(OpenError().ok());
  ASSERT_EQ(rmdir((path_ + ".before-v2").c_str()), 0);
  EXPECT_TRUE(OpenError().ok());
}

TEST_F(SqliteStoreTest, WhatALeaseHeldIsGoneAfterReopening) {
  {
    auto store = MustOpen();
    auto lease = *store->Grant(std::chrono::seconds(9), nullptr);
    ASSERT_TRUE(
        store->Txn({}, {Op::Put("a", "1"), Op::Put("b", "2", lease->id())})
            .ok());
    // As a process that is killed: nothing is revoked.
    std::ifstream file(path_, std::ios::binary), log(path_ + "-wal");
    std::ofstream(folder_ + "/killed.db") << file.rdbuf();
    std::ofstream(folder_ + "/killed.db-wal") << log.rdbuf();
  }
  path_ = folder_ + "/killed.db";
  auto store = MustOpen();
  EXPECT_EQ(*store->Revision(), 2);
  EXPECT_TRUE((*store->Get("a")).has_value());
  EXPECT_FALSE((*store->Get("b")).has_value());
}

TEST_F(SqliteStoreTest, LeasesAreLostWhenTheMediumFails) {
  Faults& faults = RegisterFaultVfs();
  auto store = MustOpen({path_, "fault", 0});
  absl::Status why;
  auto lease = *store->Grant(std::chrono::seconds(9),
                             [&why](const absl::Status& s) { why = s; });
  faults.code = SQLITE_IOERR_FSYNC;
  faults.syncs = 1;
  EXPECT_FALSE(store->Txn({}, {Op::Put("a", "new")}).ok());
  EXPECT_TRUE(Contains(why, "refuses calls")) << why;
  EXPECT_EQ(lease->Remaining().count(), 0);
  faults.Clear();
}

// Every write of a transaction fails in turn, once whole and once torn: what is
// on the disk afterwards is the old state or the new one, both keys alike.
TEST_F(SqliteStoreTest, AFailedWriteNeverHalfApplies) {
  Faults& faults = RegisterFaultVfs();
  int failed = 0;
  for (int step = 0; step < 24; ++step) {
    {
      auto store = MustOpen({path_, "fault", 0});
      ASSERT_TRUE(store
                      ->Txn({}, {Op::Put("a", "old"),
                                 Op::Put("b", std::string(9000, 'o'))})
                      .ok());
      faults.code = SQLITE_IOERR_WRITE;
      faults.torn = step % 2 == 1;
      faults.writes = 1 + step / 2;
      const auto result = store->Txn(
          {}, {Op::Put("a", "new"), Op::Put("b", std::string(9000, 'n'))});
      failed += result.ok() ? 0 : 1;
      EXPECT_EQ(store->Revision().ok(), result.ok());
      store.reset();
      faults.Clear();
    }
    auto store = MustOpen();
    const char a = (*store->Get("a"))->value[0];
    EXPECT_EQ((*store->Get("b"))->value, std::string(9000, a)) << step;
  }
  EXPECT_GT(failed, 4);
}

// A process that is killed in mid-write loses nothing that was acknowledged.
TEST_F(SqliteStoreTest, SurvivesKill) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  MustOpen().reset();
  int64_t floor = 0;
  for (int round = 0; round < 8; ++round) {
    int acks[2];
    ASSERT_EQ(pipe(acks), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto store = OpenSqliteStore({path_, "", 0});
      if (!store.ok()) _exit(1);
      for (;;) {
        const int64_t next = *(*store)->Revision() + 1;
        auto done = (*store)->Txn({}, {Op::Put("n", std::to_string(next)),
                                       Op::Put("copy", std::to_string(next))});
        if (!done.ok() || write(acks[1], &next, sizeof next) != sizeof next)
          _exit(1);
      }
    }
    close(acks[1]);
    int64_t acknowledged = 0;
    const int wanted = 1 + static_cast<int>(random() % 40);
    for (int i = 0; i < wanted; ++i) {
      ASSERT_EQ(read(acks[0], &acknowledged, sizeof acknowledged),
                static_cast<ssize_t>(sizeof acknowledged));
    }
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    int64_t more = 0;
    while (read(acks[0], &more, sizeof more) == sizeof more)
      acknowledged = more;
    close(acks[0]);
    auto store = MustOpen();
    EXPECT_GE(*store->Revision(), acknowledged);
    EXPECT_GT(*store->Revision(), floor);
    EXPECT_EQ((*store->Get("n"))->value, std::to_string(*store->Revision()));
    EXPECT_EQ((*store->Get("copy"))->value, (*store->Get("n"))->value);
    floor = *store->Revision();
  }
}

// Damaged files are refused or read, never a crash.
TEST_F(SqliteStoreTest, DamageNeverCrashes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  {
    auto store = MustOpen();
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(
          store->Txn({}, {Op::Put(std::to_string(i), std::string(500, 'x'))})
              .ok());
    }
  }
  std::ifstream in(path_, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(good.size(), 4096u);
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    std::string bad = good;
    const int hits = 1 + static_cast<int>(random() % 20);
    for (int i = 0; i < hits; ++i)
      bad[random() % bad.size()] = static_cast<char>(random());
    if (round % 5 == 0) bad.resize(random() % bad.size());
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bad;
    unlink((path_ + "-wal").c_str());
    auto store = OpenSqliteStore({path_, "", 0});
    refused += store.ok() ? 0 : 1;
    if (!store.ok()) continue;
    (void)(*store)->List("", "", 100);
    (void)(*store)->Txn({}, {Op::Put("0", "y"), Op::DeletePrefix("1")});
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace ithaca::store
