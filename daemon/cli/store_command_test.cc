// ithacactl store, against a daemon that runs and against its file.

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/cli/commands.h"
#include "daemon/server/daemon_for_test.h"

namespace ithaca::cli {
namespace {

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome Ctl(const std::vector<std::string>& line) {
  std::istringstream in;
  std::ostringstream out, err;
  const int status = Main(line, {in, out, err, false});
  return {status, out.str(), err.str()};
}

class StoreCommandTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) { return folder_ + "/" + name; }
  std::string Live() { return daemon_.options.run_dir + "/store.db"; }
  void CreateGroup(const std::string& id) {
    groups::v1::CreateGroupRequest create;
    create.set_group_id(id);
    create.mutable_plan_request()->mutable_model()->set_hidden_size(512);
    create.mutable_plan_request()->mutable_model()->set_query_heads(8);
    create.mutable_plan_request()->mutable_workload()->set_sequence_length(64);
    create.mutable_plan_request()->mutable_constraints()->set_ranks(2);
    client::ConnectOptions options;
    options.socket = daemon_.socket();
    auto client = client::Client::Connect(options);
    ASSERT_TRUE(client.ok()) << client.status();
    const auto created = (*client)->CreateGroup(create);
    ASSERT_TRUE(created.ok()) << created.status();
  }
  uint64_t EpochOf(const std::string& id) {
    const Outcome show =
        Ctl({"group", "show", id, "-o", "json", "--socket", daemon_.socket()});
    if (show.status != kDone) return 0;
    return std::stoull(
        nlohmann::json::parse(show.out)["epoch"].get<std::string>());
  }

  const std::string folder_ = server::MakeShortFolder();
  server::DaemonForTest daemon_;
};

TEST_F(StoreCommandTest, BacksUpARunningDaemonAndRestoresAStoppedOne) {
  daemon_.Start();
  CreateGroup("kept");
  const Outcome backup =
      Ctl({"store", "backup", Path("b.db"), "--socket", daemon_.socket()});
  EXPECT_EQ(backup.status, kDone) << backup.err;
  EXPECT_NE(backup.out.find("backed up"), std::string::npos);
  // Never over a file that is there.
  EXPECT_EQ(Ctl({"store", "backup", Path("b.db"), "--socket", daemon_.socket()})
                .status,
            kNo);
  EXPECT_NE(access(Path("b.db.receiving").c_str(), F_OK), 0);
  // Its own file is locked, and says what to do.
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"store", "check", Live()},
        {"store", "dump", Live()},
        {"store", "backup", Path("c.db"), "--from", Live()},
        {"store", "restore", Path("b.db"), "--to", Live()}}) {
    const Outcome locked = Ctl(line);
    EXPECT_EQ(locked.status, kNo) << line[1];
    EXPECT_NE(locked.err.find("another process holds the file"),
              std::string::npos)
        << locked.err;
  }
  CreateGroup("later");
  const uint64_t before = EpochOf("later");
  daemon_.Stop();

  const Outcome check = Ctl({"store", "check", Path("b.db"), "-o", "json"});
  EXPECT_EQ(check.status, kDone) << check.err;
  EXPECT_GT(nlohmann::json::parse(check.out)["entries"].get<int>(), 2);
  const Outcome restore =
      Ctl({"store", "restore", Path("b.db"), "--to", Live()});
  EXPECT_EQ(restore.status, kDone) << restore.err;
  EXPECT_NE(restore.out.find(".replaced-"), std::string::npos);

  daemon_.Start();
  EXPECT_NE(EpochOf("kept"), 0u);
  EXPECT_EQ(EpochOf("later"), 0u);
  CreateGroup("new");
  EXPECT_GT(EpochOf("new"), before);
  EXPECT_GT(EpochOf("new"), uint64_t{1'600'000'000'000} << 20);
}

TEST_F(StoreCommandTest, DumpsWhatIsThere) {
  daemon_.Start();
  CreateGroup("g");
  daemon_.Stop();
  const Outcome table = Ctl({"store", "dump", Live()});
  EXPECT_EQ(table.status, kDone) << table.err;
  EXPECT_NE(table.out.find("groups/g/g/record"), std::string::npos);
  const Outcome json = Ctl({"store", "dump", Live(), "-o", "json"});
  const auto entries = nlohmann::json::parse(json.out)["entries"];
  EXPECT_GT(entries.size(), 2u);
  for (const auto& entry : entries)
    EXPECT_GT(entry["modRevision"].get<int64_t>(), 0);
}

TEST_F(StoreCommandTest, MistakesAreNamed) {
  EXPECT_EQ(Ctl({"store", "restore", Path("b.db")}).status, kUsage);
  EXPECT_EQ(Ctl({"store", "dump", "etcd:nowhere"}).status, kUsage);
  EXPECT_EQ(Ctl({"store", "dump", "etcd:127.0.0.1:1"}).status, kUnreachable);
  EXPECT_EQ(Ctl({"store", "check", Path("none.db")}).status, kNo);
  EXPECT_EQ(
      Ctl({"store", "backup", Path("b.db"), "--socket", Path("none.sock")})
          .status,
      kUnreachable);
  std::ofstream(Path("bad.db")) << std::string(9000, 'x');
  const Outcome bad = Ctl({"store", "check", Path("bad.db")});
  EXPECT_EQ(bad.status, kNo);
  EXPECT_NE(bad.err.find("damaged"), std::string::npos) << bad.err;
}

}  // namespace
}  // namespace ithaca::cli
