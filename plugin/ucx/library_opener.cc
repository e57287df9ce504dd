#include "plugin/ucx/library_opener.h"

#include <dlfcn.h>

namespace ithaca {

bool LibraryOpener::IsOpen(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  if (library != nullptr) dlclose(library);  // gives back the reference only
  return library != nullptr;
}

void* LibraryOpener::Open(const std::string& path, Binding binding,
                          std::string* error) {
  const int when = binding == Binding::kNow ? RTLD_NOW : RTLD_LAZY;
  void* library = dlopen(path.c_str(), when | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    *error = why != nullptr ? why : path;
  }
  return library;
}

void* LibraryOpener::Find(void* library, const char* symbol) {
  return dlsym(library, symbol);
}

}  // namespace ithaca
