// A folder of a test's own, removed with what is in it. Test-only.
#ifndef ITHACA_PLUGIN_NODEPAGE_TEST_FOLDER_H_
#define ITHACA_PLUGIN_NODEPAGE_TEST_FOLDER_H_

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace ithaca::nodepage {

class TestFolder {
 public:
  TestFolder() {
    std::string name = std::filesystem::temp_directory_path() / "pageXXXXXX";
    if (mkdtemp(name.data()) == nullptr) abort();
    path_ = name;
  }
  // A child made by fork leaves it to its parent.
  ~TestFolder() {
    if (getpid() == maker_) std::filesystem::remove_all(path_);
  }
  const std::string& path() const { return path_; }

 private:
  const pid_t maker_ = getpid();
  std::string path_;
};

}  // namespace ithaca::nodepage

#endif  // ITHACA_PLUGIN_NODEPAGE_TEST_FOLDER_H_
