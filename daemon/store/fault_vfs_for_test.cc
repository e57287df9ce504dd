#include "daemon/store/fault_vfs_for_test.h"

#include <sqlite3.h>

#include <cstdlib>

namespace ithaca::store {
namespace {

Faults& Switches() {
  static Faults faults;
  return faults;
}

// The default VFS's file lies right behind this header.
struct File {
  sqlite3_file base;
  sqlite3_file* Real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* Cast(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Cast(file)->Real(); }

bool Fails(std::atomic<int>& countdown) {
  const int now = countdown.load();
  if (now == 0) return false;
  if (now == 1) return true;
  countdown.store(now - 1);
  return false;
}

int Close(sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); }
int Read(sqlite3_file* f, void* to, int count, sqlite3_int64 at) {
  return Real(f)->pMethods->xRead(Real(f), to, count, at);
}
int Write(sqlite3_file* f, const void* from, int count, sqlite3_int64 at) {
  Faults& faults = Switches();
  if (Fails(faults.writes)) {
    if (faults.torn.exchange(false)) {
      Real(f)->pMethods->xWrite(Real(f), from, count / 2, at);
    }
    return faults.code.load();
  }
  return Real(f)->pMethods->xWrite(Real(f), from, count, at);
}
int Truncate(sqlite3_file* f, sqlite3_int64 size) {
  return Real(f)->pMethods->xTruncate(Real(f), size);
}
int Sync(sqlite3_file* f, int flags) {
  if (Fails(Switches().syncs)) return Switches().code.load();
  return Real(f)->pMethods->xSync(Real(f), flags);
}
int FileSize(sqlite3_file* f, sqlite3_int64* size) {
  return Real(f)->pMethods->xFileSize(Real(f), size);
}
int Lock(sqlite3_file* f, int level) {
  return Real(f)->pMethods->xLock(Real(f), level);
}
int Unlock(sqlite3_file* f, int level) {
  return Real(f)->pMethods->xUnlock(Real(f), level);
}
int CheckReserved(sqlite3_file* f, int* held) {
  return Real(f)->pMethods->xCheckReservedLock(Real(f), held);
}
int FileControl(sqlite3_file* f, int op, void* arg) {
  return Real(f)->pMethods->xFileControl(Real(f), op, arg);
}
int SectorSize(sqlite3_file* f) {
  return Real(f)->pMethods->xSectorSize(Real(f));
}
int Characteristics(sqlite3_file* f) {
  return Real(f)->pMethods->xDeviceCharacteristics(Real(f));
}

// Version 1: no shared memory and no mapping, which exclusive locking does not
// need.
const sqlite3_io_methods kMethods = {
    1,           Close,      Read,           Write,  Truncate,
    Sync,        FileSize,   Lock,           Unlock, CheckReserved,
    FileControl, SectorSize, Characteristics};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
         int* out) {
  auto* real = static_cast<sqlite3_vfs*>(vfs->pAppData);
  file->pMethods = nullptr;
  const int code = real->xOpen(real, name, Real(file), flags, out);
  if (code == SQLITE_OK) file->pMethods = &kMethods;
  return code;
}

}  // namespace

void Faults::Clear() {
  writes = 0;
  syncs = 0;
  torn = false;
}

Faults& RegisterFaultVfs() {
  static sqlite3_vfs* const vfs = [] {
    sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
    static sqlite3_vfs mine;
    mine = *real;
    mine.pNext = nullptr;
    mine.zName = "fault";
    mine.pAppData = real;
    mine.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
    mine.xOpen = Open;
    sqlite3_vfs_register(&mine, 0);
    return &mine;
  }();
  (void)vfs;
  return Switches();
}

}  // namespace ithaca::store
