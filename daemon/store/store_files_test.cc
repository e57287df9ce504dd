#include "daemon/store/store_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "daemon/store/sqlite_store.h"

namespace ithaca::store {
namespace {

class StoreFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/files.XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  std::string Path(const std::string& name) { return folder_ + "/" + name; }
  std::unique_ptr<Store> Open(const std::string& name) {
    auto store = OpenSqliteStore({Path(name), "", 0});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  // A store with `count` commits of keys k0, k1, ...
  void Fill(const std::string& name, int count) {
    auto store = Open(name);
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(store
                      ->Txn({}, {Op::Put("k" + std::to_string(i),
                                         name + std::to_string(i))})
                      .ok());
    }
  }
  std::string Text(const std::string& name) {
    std::string text;
    const absl::Status status =
        ReadStoreFile(Path(name), [&text](const KeyValue& entry) {
          text += entry.key + "=" + entry.value + " ";
        });
    return status.ok() ? text : status.ToString();
  }
  bool Exists(const std::string& name) {
    return access(Path(name).c_str(), F_OK) == 0;
  }
  std::string folder_;
};

const BeforeUse kNothing = [](Store*, Store*) { return absl::OkStatus(); };

bool Contains(const absl::Status& status, const std::string& text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

TEST_F(StoreFilesTest, ChecksAndReadsWithoutChanging) {
  Fill("a.db", 3);
  const auto facts = CheckStoreFile(Path("a.db"));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->schema_version, kSqliteSchemaVersion);
  EXPECT_EQ(facts->revision, 3);
  EXPECT_EQ(facts->entries, 3);
  EXPECT_EQ(facts->bytes, 15);
  EXPECT_EQ(Text("a.db"), "k0=a.db0 k1=a.db1 k2=a.db2 ");
  EXPECT_EQ(CheckStoreFile(Path("none.db")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(Exists("none.db"));
}

TEST_F(StoreFilesTest, WhatADaemonHoldsIsRefused) {
  auto store = Open("a.db");
  for (const absl::Status& status :
       {CheckStoreFile(Path("a.db")).status(),
        BackupStoreFile(Path("a.db"), Path("b.db")),
        ReadStoreFile(Path("a.db"), [](const KeyValue&) {}),
        RestoreStoreFile(Path("a.db"), Path("c.db"), kNothing).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_TRUE(Contains(status, "another process holds the file")) << status;
  }
  EXPECT_FALSE(Exists("b.db"));
  EXPECT_FALSE(Exists("c.db"));
}

TEST_F(StoreFilesTest, BackupsAreWholeAndNeverReplaceAFile) {
  Fill("a.db", 3);
  ASSERT_TRUE(BackupStoreFile(Path("a.db"), Path("b.db")).ok());
  EXPECT_EQ(Text("b.db"), Text("a.db"));
  EXPECT_EQ(BackupStoreFile(Path("a.db"), Path("b.db")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(BackupStoreFile(Path("a.db"), Path("no/b.db")).code(),
            absl::StatusCode::kNotFound);
}

// Each commit writes two keys alike; so a backup that is not of one revision
// shows.
TEST_F(StoreFilesTest, ARunningStoreIsBackedUpAtOneRevision) {
  auto store = Open("a.db");
  const std::string large(size_t{1} << 20, 'x');
  for (int i = 0; i < 6; ++i)
    ASSERT_TRUE(store->Txn({}, {Op::Put("l" + std::to_string(i), large)}).ok());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      const std::string value = std::to_string(i);
      ASSERT_TRUE(
          store->Txn({}, {Op::Put("a", value), Op::Put("z", value)}).ok());
    }
  });
  for (int i = 0; i < 3; ++i) {
    const std::string name = "copy" + std::to_string(i) + ".db";
    const int64_t before = *store->Revision();
    const absl::Status status = store->Backup(Path(name));
    ASSERT_TRUE(status.ok()) << status;
    const auto facts = CheckStoreFile(Path(name));
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_GE(facts->revision, before);
    auto copy = Open(name);
    const auto a = *copy->Get("a"), z = *copy->Get("z");
    EXPECT_EQ(a.has_value() ? a->value : "", z.has_value() ? z->value : "");
    EXPECT_TRUE((*copy->Get("l5"))->value == large);
  }
  stop = true;
  writer.join();
  EXPECT_EQ(store->Backup(Path("no/copy.db")).code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(store->Txn({}, {Op::Put("a", "on")}).ok());
}

TEST_F(StoreFilesTest, DamageIsFound) {
  Fill("a.db", 40);
  std::fstream file(Path("a.db"),
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096 * 2 + 8);
  file << std::string(200, '\x7f');
  file.close();
  EXPECT_EQ(CheckStoreFile(Path("a.db")).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_FALSE(BackupStoreFile(Path("a.db"), Path("b.db")).ok());
  EXPECT_FALSE(Exists("b.db"));
}

TEST_F(StoreFilesTest, RestoresAndKeepsWhatWasThere) {
  Fill("old.db", 2);
  ASSERT_TRUE(BackupStoreFile(Path("old.db"), Path("backup.db")).ok());
  Fill("live.db", 5);
  std::string seen;
  const auto report = RestoreStoreFile(
      Path("backup.db"), Path("live.db"), [&](Store* restored, Store* before) {
        seen = (*before->Get("k4"))->value;
        return restored->Txn({}, {Op::Put("note", "restored")}).status();
      });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(seen, "live.db4");
  EXPECT_EQ(Text("live.db"), "k0=old.db0 k1=old.db1 note=restored ");
  EXPECT_EQ(report->facts.entries, 3);
  // No revision that either ever had comes again.
  auto store = Open("live.db");
  EXPECT_GT(*store->Revision(), 1'000'000);
  EXPECT_GT(store->Txn({}, {Op::Put("a", "1")})->revision,
            report->facts.revision);
  store.reset();
  ASSERT_EQ(report->kept_as.rfind(Path("live.db.replaced-"), 0), 0u);
  EXPECT_EQ(Text(report->kept_as.substr(folder_.size() + 1)),
            "k0=live.db0 k1=live.db1 k2=live.db2 k3=live.db3 k4=live.db4 ");
  for (const char* draft :
       {"live.db.restoring", "live.db.restoring.old", "live.db.restoring-wal"})
    EXPECT_FALSE(Exists(draft)) << draft;
}

TEST_F(StoreFilesTest, RestoresWhereNothingWas) {
  Fill("backup.db", 2);
  const auto report = RestoreStoreFile(Path("backup.db"), Path("new.db"),
                                       [](Store*, Store* before) {
                                         EXPECT_EQ(before, nullptr);
                                         return absl::OkStatus();
                                       });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->kept_as, "");
  EXPECT_EQ(Text("new.db"), Text("backup.db"));
}

TEST_F(StoreFilesTest, RestoresOverADamagedFile) {
  Fill("backup.db", 2);
  std::ofstream(Path("live.db")) << std::string(9000, 'x');
  std::ofstream(Path("live.db-wal")) << "x";
  const auto report =
      RestoreStoreFile(Path("backup.db"), Path("live.db"), kNothing);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_NE(report->kept_as, "");
  EXPECT_FALSE(Exists("live.db-wal"));
  EXPECT_EQ(Text("live.db"), Text("backup.db"));
}

TEST_F(StoreFilesTest, ARestoreThatFailsChangesNothing) {
  Fill("backup.db", 2);
  Fill("live.db", 5);
  const std::string before = Text("live.db");
  EXPECT_EQ(
      RestoreStoreFile(Path("backup.db"), Path("live.db"),
                       [](Store*, Store*) { return absl::InternalError("no"); })
          .status()
          .message(),
      "no");
  std::ofstream(Path("bad.db")) << std::string(9000, 'x');
  EXPECT_FALSE(
      RestoreStoreFile(Path("bad.db"), Path("live.db"), kNothing).ok());
  EXPECT_FALSE(
      RestoreStoreFile(Path("none.db"), Path("live.db"), kNothing).ok());
  EXPECT_EQ(Text("live.db"), before);
  EXPECT_FALSE(Exists("live.db.restoring"));
  {
    auto daemon = Open("live.db");
    EXPECT_EQ(RestoreStoreFile(Path("backup.db"), Path("live.db"), kNothing)
                  .status()
                  .code(),
              absl::StatusCode::kFailedPrecondition);
  }
  std::ofstream(Path("gone.db-wal")) << "x";
  const absl::Status log =
      RestoreStoreFile(Path("backup.db"), Path("gone.db"), kNothing).status();
  EXPECT_EQ(log.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Contains(log, "-wal")) << log;
}

}  // namespace
}  // namespace ithaca::store
