// Opens shared libraries at run time. Tests replace it. Thread-safe.
#ifndef ITHACA_PLUGIN_UCX_LIBRARY_OPENER_H_
#define ITHACA_PLUGIN_UCX_LIBRARY_OPENER_H_

#include <string>

namespace ithaca {

// When a library's functions are looked up. kLate opens one that needs
// functions of a library that is opened after it.
enum class Binding { kNow, kLate };

class LibraryOpener {
 public:
  virtual ~LibraryOpener() = default;
  // Whether `path` is in the process already.
  virtual bool IsOpen(const std::string& path);
  // Null, with *error set, when it cannot be opened. Never closed again.
  virtual void* Open(const std::string& path, Binding binding,
                     std::string* error);
  // Null when `library` has no such symbol.
  virtual void* Find(void* library, const char* symbol);
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_LIBRARY_OPENER_H_
