// The one list of the plugin ABI versions that Ithaca exports, newest first.
//
// X(n) is expanded once per version. From these two lists come the exported
// symbols, the linker's version script and the parameters of the conformance
// tests; there is no second list. This file is also read by the bare
// preprocessor (deploy/bazel/export_map.bzl), so it holds macros only.
//
// Net v6 to v12 serve NCCL 2.18 to 2.31; tuner v2 to v6 serve 2.21 to 2.31.
#ifndef ITHACA_PLUGIN_ABI_VERSIONS_H_
#define ITHACA_PLUGIN_ABI_VERSIONS_H_

#define ITHACA_NET_VERSIONS(X) X(12) X(11) X(10) X(9) X(8) X(7) X(6)

#define ITHACA_TUNER_VERSIONS(X) X(6) X(5) X(4) X(3) X(2)

// The symbols that NCCL looks up: data, not functions.
#define ITHACA_NET_SYMBOL(version) ncclNetPlugin_v##version
#define ITHACA_TUNER_SYMBOL(version) ncclTunerPlugin_v##version

#endif  // ITHACA_PLUGIN_ABI_VERSIONS_H_
