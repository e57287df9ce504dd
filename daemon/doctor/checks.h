// Every check of `ithacactl doctor`, one function each.
//
// A check looks at one subject through the Host, changes nothing, and returns
// at least one finding. It is added by a function here and a line in checks.cc.
// Threads: one.
#ifndef ITHACA_DAEMON_DOCTOR_CHECKS_H_
#define ITHACA_DAEMON_DOCTOR_CHECKS_H_

#include <vector>

#include "daemon/doctor/finding.h"
#include "daemon/doctor/host.h"

namespace ithaca::doctor {

// Owner, mode and file system of the run directory.
Findings CheckRunDir(const Host& host);
// Whether a daemon answers at the socket, its version, and who may connect.
Findings CheckSocket(const Host& host);
// Kind of store, integrity of a file, free space, endpoints of a cluster.
Findings CheckStore(const Host& host);
// Whether NCCL would find our plugin, first and whole.
Findings CheckPlugin(const Host& host);
// Which NCCL is found, and whether its version is served.
Findings CheckNccl(const Host& host);
// ITHACA_* variables: unknown and malformed ones.
Findings CheckIthacaVariables(const Host& host);
// NCCL_* variables, from the environment and NCCL's files: unknown,
// contradicting, and bad for all-to-all.
Findings CheckNcclVariables(const Host& host);
// The rails that the plugin would take, and what is wrong with each.
Findings CheckRails(const Host& host);
// Limits of locked memory and of open files.
Findings CheckLimits(const Host& host);
Findings CheckClock(const Host& host);
// Kernel version and settings that all-to-all over TCP and the daemon need.
Findings CheckKernel(const Host& host);
// When the certificates of --tls-cert and --tls-ca end.
Findings CheckCertificates(const Host& host);

// All of them, in the order of this list.
Findings CheckAll(const Host& host);

}  // namespace ithaca::doctor

#endif  // ITHACA_DAEMON_DOCTOR_CHECKS_H_
