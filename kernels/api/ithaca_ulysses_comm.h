/* ithaca_ulysses_comm: the exchange whole: pack, messages, unpack.
 *
 * What. The four steps of ithaca_ulysses.h in one call each, over one of two
 * carriers: an ncclComm_t that the framework has (tensors in device memory, all
 * work on a stream), or any NCCL net plugin driven directly (tensors in host
 * memory; for machines and tests without a GPU).
 *
 * Who. Framework engineers. NCCL and net plugins are opened at run time;
 * nothing is linked.
 *
 * Life cycle. Every rank makes a communicator, then an exchange from its plan
 * (as many as it likes), and has it agreed upon by all ranks once
 * (ithaca_ulysses_comm_agree: a plan that differs between ranks is an error
 * here, and not a hang or a wrong result later). Then start and wait, any
 * number of times, in the same order on every rank. Destroy in any order after
 * the last wait.
 *
 * Chunks. ithaca_ulysses_create_chunk makes an exchange of some of each rank's
 * heads, so that the exchange of one chunk runs while attention works on
 * another: start(chunk 1), wait(chunk 0), attention(chunk 0), ...
 *
 * Threads. A communicator is used by one thread at a time.
 *
 * Errors. As in ithaca_ulysses.h. After ITHACA_ULYSSES_CARRIER_FAILED the
 * communicator is of no further use; the message is the carrier's own.
 */
#ifndef ITHACA_KERNELS_API_ITHACA_ULYSSES_COMM_H_
#define ITHACA_KERNELS_API_ITHACA_ULYSSES_COMM_H_

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/api/ithaca_ulysses_cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ithaca_ulysses_comm ithaca_ulysses_comm;
typedef struct ithaca_ulysses_operation ithaca_ulysses_operation;

/* How an ncclComm_t carries messages. */
typedef enum ithaca_ulysses_nccl_mode {
  /* ncclAlltoAll where all messages are of one length and NCCL has it (2.28),
   * else send and receive. */
  ITHACA_ULYSSES_NCCL_AUTO = 0,
  /* ncclSend and ncclRecv of every peer in one group: uneven counts too. */
  ITHACA_ULYSSES_NCCL_SEND_RECV = 1,
  /* ncclAlltoAll; UNSUPPORTED for plans whose messages differ in length. */
  ITHACA_ULYSSES_NCCL_ALL_TO_ALL = 2
} ithaca_ulysses_nccl_mode;

typedef struct ithaca_ulysses_net_options {
  uint32_t struct_size; /* bytes; at most 4096 */
  int32_t rank;
  int32_t num_ranks;
  /* For connecting, for agreeing, and for a peer that says nothing while it is
   * waited for; milliseconds; 0 means 30000. */
  int32_t timeout_ms;
  /* Where rank 0 listens while the ranks meet, the same on all: "HOST:PORT". */
  const char* meeting;
  /* What to open: a path, or a name for the loader to search. NULL:
   * "libnccl-net-ithaca.so". */
  const char* plugin;
} ithaca_ulysses_net_options;

/* Meets the other ranks and connects to them through the plugin. Returns when
 * all are there; fails at the timeout, naming those who are missing. *comm is
 * NULL on failure. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_comm_create_net(
    const ithaca_ulysses_net_options* options, ithaca_ulysses_comm** comm,
    ithaca_ulysses_error* error);

/* Uses `nccl_comm` (an ncclComm_t), which must outlive *comm and stays the
 * caller's. libnccl.so.2 is the one that the process has loaded already. `mode`
 * is an ithaca_ulysses_nccl_mode, the same on all ranks. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_comm_create_nccl(
    void* nccl_comm, int32_t mode, ithaca_ulysses_comm** comm,
    ithaca_ulysses_error* error);

/* NULL is ignored. Does not wait for other ranks. */
ITHACA_ULYSSES_API void ithaca_ulysses_comm_destroy(ithaca_ulysses_comm* comm);

ITHACA_ULYSSES_API int32_t
ithaca_ulysses_comm_rank(const ithaca_ulysses_comm* comm, int32_t* rank,
                         int32_t* num_ranks, ithaca_ulysses_error* error);

/* Compares the plans of all ranks; every rank calls it with its exchange of the
 * same plan. INVALID_PLAN names the ranks whose plan is another one than rank
 * 0's. Over NCCL `workspace` is device memory of at least 64 * (P + 1) bytes,
 * and the call waits for `stream`; over a net plugin both are not used. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_comm_agree(
    ithaca_ulysses_comm* comm, const ithaca_ulysses_exchange* exchange,
    ithaca_ulysses_span workspace, void* stream, ithaca_ulysses_error* error);

/* Bytes of memory, device or host as the carrier's, that a step needs while it
 * runs. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_comm_workspace_bytes(
    const ithaca_ulysses_exchange* exchange, int32_t step, uint64_t* bytes,
    ithaca_ulysses_error* error);

/* Tells the carrier of memory that will be a workspace again and again, so that
 * it may move bytes from and to it directly: an NCCL window, where NCCL has
 * them (2.27); nothing over a net plugin. Over NCCL all ranks call it, with
 * workspaces of one size. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_comm_register(
    ithaca_ulysses_comm* comm, ithaca_ulysses_span workspace,
    ithaca_ulysses_error* error);

typedef struct ithaca_ulysses_call {
  uint32_t struct_size;                    /* bytes; at most 4096 */
  int32_t step;                            /* ithaca_ulysses_step */
  const ithaca_ulysses_exchange* exchange; /* agreed upon */
  /* Over NCCL: the exchange's, uploaded. Over a net plugin: NULL. */
  const ithaca_ulysses_cuda* cuda;
  /* As many as ithaca_ulysses_num_tensors(step), in the order and of the sizes
   * of ithaca_ulysses_tensor: PACK, UNPACK. */
  const ithaca_ulysses_const_span* inputs;
  const ithaca_ulysses_span* outputs;
  int32_t num_inputs;
  int32_t num_outputs;
  /* At least ithaca_ulysses_comm_workspace_bytes, aligned to 16. */
  ithaca_ulysses_span workspace;
  void* stream; /* a CUstream; not used over a net plugin */
} ithaca_ulysses_call;

/* Starts a step. Over NCCL everything is enqueued on the stream: the outputs
 * are there for what is enqueued behind it, and the call may be captured into a
 * graph. Over a net plugin inputs are packed, and messages travel while the
 * caller goes on; outputs are written by wait. All memory of the call stays the
 * operation's until wait has returned. *operation is NULL on failure. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_start(
    ithaca_ulysses_comm* comm, const ithaca_ulysses_call* call,
    ithaca_ulysses_operation** operation, ithaca_ulysses_error* error);

/* Ends an operation, and frees it in any case. Over a net plugin: waits for the
 * messages and unpacks them. Over NCCL: does not wait, but reports an error
 * that NCCL has found meanwhile. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_wait(
    ithaca_ulysses_operation* operation, ithaca_ulysses_error* error);

/* An exchange of part `chunk` of `num_chunks` of each rank's heads, cut at KV
 * heads: tensors split by tokens have all heads as before (only the chunk's are
 * read or written), tensors split by heads only the chunk's. A rank with fewer
 * KV heads than chunks has none in some. UNSUPPORTED when a KV head that several
 * ranks hold would be in different chunks of them: its gradients are added in
 * one exchange. `whole` may be destroyed. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_create_chunk(
    const ithaca_ulysses_exchange* whole, int32_t chunk, int32_t num_chunks,
    ithaca_ulysses_exchange** exchange, ithaca_ulysses_error* error);

#ifdef __cplusplus
}
#endif

#endif /* ITHACA_KERNELS_API_ITHACA_ULYSSES_COMM_H_ */
