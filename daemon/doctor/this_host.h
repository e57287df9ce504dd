// The machine that runs this process, as the doctor looks at it.
//
// Used by `ithacactl doctor`. Threads: one.
#ifndef ITHACA_DAEMON_DOCTOR_THIS_HOST_H_
#define ITHACA_DAEMON_DOCTOR_THIS_HOST_H_

#include "daemon/doctor/host.h"

namespace ithaca::doctor {

// Everything but paths, version, ask_daemon and ask_etcd, which are the
// caller's.
Host ThisHost();

// The parts that are worth a test of their own.
Library LoadLibrary(const std::string& name,
                    const std::vector<std::string>& folders,
                    const std::vector<std::string>& symbols);
std::optional<FileSystem> LookAtFileSystem(const std::string& path);

}  // namespace ithaca::doctor

#endif  // ITHACA_DAEMON_DOCTOR_THIS_HOST_H_
