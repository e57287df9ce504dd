// Making and finding the page, and every reason to do without it.
#include "plugin/nodepage/page.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>

#include "plugin/nodepage/process_id.h"
#include "plugin/nodepage/test_folder.h"

namespace ithaca::nodepage {
namespace {

constexpr int kSkipped = 77;

std::string PathIn(const TestFolder& folder) {
  return folder.path() + "/" + kPageFile;
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

Code CodeOf(const std::string& run_dir) {
  const auto page = NodePage::Open(run_dir);
  return page.status().code();
}

// The exit status of a process that does `work`; -1 when a signal ended it.
int InChild(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Page, IsMadeOnceAndSharedByAllWhoOpenIt) {
  TestFolder folder;
  const std::string run_dir = folder.path() + "/run";
  const auto first = NodePage::Open(run_dir);
  const auto second = NodePage::Open(run_dir);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_NE(&(*first)->words(), &(*second)->words());
  (*first)->words().slot[255].rail[14].reserved[1].store(42);
  EXPECT_EQ((*second)->words().slot[255].rail[14].reserved[1].load(), 42u);

  struct stat file;
  ASSERT_EQ(stat((run_dir + "/" + kPageFile).c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  EXPECT_EQ(file.st_size, 266240);
  EXPECT_GE(file.st_blocks * 512, file.st_size) << "it has holes";
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(run_dir))
    files += entry.exists();
  EXPECT_EQ(files, 1u) << "a draft was left behind";
}

TEST(Page, TheBytesOfTheHeadAreTheDocumentedOnes) {
  TestFolder folder;
  ASSERT_TRUE(NodePage::Open(folder.path()).ok());
  std::ifstream file(PathIn(folder), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ASSERT_EQ(bytes.size(), 266240u);
  const std::string head(
      "ITHAPAGE"
      "\1\0\0\0"
      "\0\4\0\0"
      "\0\20\4\0\0\0\0\0"
      "\0\1",
      26);
  EXPECT_EQ(bytes.substr(0, 26), head);
  EXPECT_EQ(bytes.find_first_not_of('\0', 26), std::string::npos);
}

TEST(Page, RacingMakersEndWithOnePage) {
  TestFolder folder;
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  constexpr int kMakers = 8;
  for (int i = 0; i < kMakers; ++i) {
    if (fork() != 0) continue;
    char byte;
    close(go[1]);
    (void)!read(go[0], &byte, 1);
    auto page = NodePage::Open(folder.path());
    if (!page.ok()) _exit(1);
    (*page)->words().slot[i].reserved[0].store(i + 1);
    _exit(0);
  }
  close(go[0]), close(go[1]);
  for (int i = 0; i < kMakers; ++i) {
    int status = 1;
    ASSERT_GT(wait(&status), 0);
    EXPECT_EQ(status, 0);
  }
  auto page = NodePage::Open(folder.path());
  ASSERT_TRUE(page.ok());
  for (int i = 0; i < kMakers; ++i)
    EXPECT_EQ((*page)->words().slot[i].reserved[0].load(), i + 1u);
}

TEST(Page, OfAnotherVersionOrSizeIsLeftAlone) {
  TestFolder folder;
  ASSERT_TRUE(NodePage::Open(folder.path()).ok());
  std::ifstream file(PathIn(folder), std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(file), {}};
  std::mt19937 random(99);
  for (size_t at = 0; at < sizeof(PageHead); ++at) {
    std::string bad = good;
    bad[at] ^= 1 + random() % 255;
    WriteFile(PathIn(folder), bad);
    EXPECT_EQ(CodeOf(folder.path()), Code::kFailedPrecondition) << at;
  }
  for (size_t size : {0, 1, 63, 64, 4096, 266239}) {
    WriteFile(PathIn(folder), good.substr(0, size));
    EXPECT_EQ(CodeOf(folder.path()), Code::kFailedPrecondition) << size;
  }
  WriteFile(PathIn(folder), good + "x");
  EXPECT_EQ(CodeOf(folder.path()), Code::kFailedPrecondition);
  WriteFile(PathIn(folder), good);
  EXPECT_TRUE(NodePage::Open(folder.path()).ok());
}

TEST(Page, HolesAreFilled) {
  TestFolder folder;
  const int fd = open(PathIn(folder).c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(ftruncate(fd, sizeof(PageWords)), 0);
  ASSERT_EQ(pwrite(fd, &kPageHead, sizeof(kPageHead), 0),
            static_cast<ssize_t>(sizeof(kPageHead)));
  ASSERT_TRUE(NodePage::Open(folder.path()).ok());
  struct stat file;
  ASSERT_EQ(fstat(fd, &file), 0);
  EXPECT_GE(file.st_blocks * 512, file.st_size);
  close(fd);
}

TEST(Page, WhatIsNoFileOrMayBeWrittenByAllIsLeftAlone) {
  TestFolder folder;
  ASSERT_TRUE(NodePage::Open(folder.path()).ok());
  ASSERT_EQ(chmod(PathIn(folder).c_str(), 0666), 0);
  EXPECT_EQ(CodeOf(folder.path()), Code::kFailedPrecondition);
  ASSERT_EQ(unlink(PathIn(folder).c_str()), 0);
  ASSERT_EQ(mkfifo(PathIn(folder).c_str(), 0600), 0);
  EXPECT_EQ(CodeOf(folder.path()), Code::kFailedPrecondition);
  ASSERT_EQ(unlink(PathIn(folder).c_str()), 0);
  ASSERT_EQ(symlink("/dev/null", PathIn(folder).c_str()), 0);
  EXPECT_EQ(CodeOf(folder.path()), Code::kUnavailable);
}

TEST(Page, WithoutAFolderThereIsNone) {
  TestFolder folder;
  EXPECT_EQ(CodeOf(folder.path() + "/no/such"), Code::kUnavailable);
  WriteFile(folder.path() + "/file", "x");
  EXPECT_EQ(CodeOf(folder.path() + "/file"), Code::kUnavailable);
}

TEST(Page, ALimitOfFileSizesDoesNotEndTheProcess) {
  TestFolder folder;
  const auto limited = [&] {
    const rlimit limit = {4096, 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return kSkipped;
    return CodeOf(folder.path()) == Code::kResourceExhausted ? 0 : 1;
  };
  EXPECT_EQ(InChild(limited), 0);
  ASSERT_TRUE(NodePage::Open(folder.path()).ok());
  EXPECT_EQ(InChild(limited), 0) << "with a page that is there";
}

TEST(Page, OnAFullDiskThereIsNone) {
  TestFolder folder;
  const int status = InChild([&] {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0)
      return kSkipped;
    if (CodeOf(folder.path()) != Code::kResourceExhausted) return 1;
    if (!std::filesystem::is_empty(folder.path())) return 2;
    // A page with holes, as one would be that was copied here.
    const int fd = open(PathIn(folder).c_str(), O_RDWR | O_CREAT, 0600);
    if (ftruncate(fd, sizeof(PageWords)) != 0 ||
        pwrite(fd, &kPageHead, sizeof(kPageHead), 0) != sizeof(kPageHead))
      return 3;
    return CodeOf(folder.path()) == Code::kResourceExhausted ? 0 : 4;
  });
  if (status == kSkipped) GTEST_SKIP() << "may not mount here";
  EXPECT_EQ(status, 0);
}

TEST(RunDir, IsTheChosenOneElseTheUsers) {
  EXPECT_EQ(*RunDir("/tmp/x"), "/tmp/x");
  if (geteuid() == 0) {
    EXPECT_EQ(*RunDir(""), "/run/ithaca");
    return;
  }
  setenv("XDG_RUNTIME_DIR", "/run/user/42", 1);
  EXPECT_EQ(*RunDir(""), "/run/user/42/ithaca");
  unsetenv("XDG_RUNTIME_DIR");
  EXPECT_EQ(RunDir("").status().code(), Code::kNotFound);
}

TEST(ProcessId, IsReadWhateverTheCommandIsCalled) {
  const std::string fields =
      " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
  EXPECT_EQ(ProcessWordFrom(5, "5 (a)" + fields), 777u << 22 | 5);
  EXPECT_EQ(ProcessWordFrom(5, "5 (a) S 1) (b)" + fields), 777u << 22 | 5);
  for (const char* bad : {"", "5 a S 1", "5 (a)", "5 (a) S 1 2 3"})
    EXPECT_EQ(ProcessWordFrom(5, bad), 0u) << bad;
}

TEST(ProcessId, TellsTheLivingFromTheDead) {
  const uint64_t self = ProcessWord(getpid());
  EXPECT_NE(self, 0u);
  EXPECT_TRUE(IsAlive(self));
  EXPECT_FALSE(IsAlive(self + (1 << 22))) << "another one with our id";
  EXPECT_FALSE(IsAlive(0));
  const pid_t child = fork();
  if (child == 0)
    for (;;) pause();
  const uint64_t word = ProcessWord(child);
  EXPECT_TRUE(IsAlive(word));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(IsAlive(word));
}

}  // namespace
}  // namespace ithaca::nodepage
