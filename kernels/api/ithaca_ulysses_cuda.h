/* ithaca_ulysses_cuda: pack and unpack on the GPU.
 *
 * What. The calls of ithaca_ulysses.h for tensors and messages in device
 * memory: the same plan, the same steps, the same bytes (bit for bit, but for
 * the payload of NaNs that were added). All messages of a step lie in one
 * buffer, one behind the other in rank order, each as long as
 * ithaca_ulysses_message_bytes says.
 *
 * Who. Framework engineers; nothing of CUDA is needed to compile or link. The
 * driver (libcuda.so.1, CUDA 12.0 or later) is opened when the first object is
 * made. Kernels for sm_80 and sm_90 are inside, and PTX for what comes later.
 *
 * Life cycle. Make an exchange; ithaca_ulysses_cuda_create() with the device's
 * context current (cudaSetDevice does that); give it device memory for its
 * tables with ithaca_ulysses_cuda_upload(); then pack and unpack on any stream
 * of that context that is ordered behind the upload. The exchange and the table
 * memory must outlive the object's last call on the device.
 *
 * Streams and graphs. pack and unpack enqueue one or two kernels and return:
 * they allocate nothing, wait for nothing and may be captured into a CUDA graph
 * (create and upload may not: make them before).
 *
 * Threads. After the upload an object is immutable; any number of threads may
 * use it.
 *
 * Speed. Rows are moved in units of 16 bytes where head size, and every
 * pointer, is a multiple of 16 bytes, else in the largest power of two that
 * fits: align buffers to 16.
 *
 * Errors. As in ithaca_ulysses.h. What the driver refuses is
 * ITHACA_ULYSSES_CUDA_ERROR with the driver's own words. Pointers are checked
 * for NULL, size, alignment and overlap, not for being device memory.
 */
#ifndef ITHACA_KERNELS_API_ITHACA_ULYSSES_CUDA_H_
#define ITHACA_KERNELS_API_ITHACA_ULYSSES_CUDA_H_

#include "kernels/api/ithaca_ulysses.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ithaca_ulysses_cuda ithaca_ulysses_cuda;

/* Loads the kernels into the current context and lays out the tables of all
 * steps in host memory. *cuda is NULL on failure. CUDA_ERROR without a driver
 * or context; UNSUPPORTED when the library was built without a CUDA toolkit, or
 * when one token's heads are 2 GiB or more. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_cuda_create(
    const ithaca_ulysses_exchange* exchange, ithaca_ulysses_cuda** cuda,
    ithaca_ulysses_error* error);

/* NULL is ignored. What was enqueued goes on. */
ITHACA_ULYSSES_API void ithaca_ulysses_cuda_destroy(ithaca_ulysses_cuda* cuda);

/* Bytes of device memory that the tables need; about 100 for each peer and
 * tensor, and 24 for each range of tokens. */
ITHACA_ULYSSES_API int32_t
ithaca_ulysses_cuda_table_bytes(const ithaca_ulysses_cuda* cuda,
                                uint64_t* bytes, ithaca_ulysses_error* error);

/* Enqueues the copy of the tables to `table`: device memory of exactly that
 * size, aligned to 16 bytes, which the object uses from now on. Not to be
 * called while another thread uses the object. `stream` is a CUstream (or
 * cudaStream_t); NULL is the default stream. */
ITHACA_ULYSSES_API int32_t
ithaca_ulysses_cuda_upload(ithaca_ulysses_cuda* cuda, ithaca_ulysses_span table,
                           void* stream, ithaca_ulysses_error* error);

/* ithaca_ulysses_pack on the device. `buffer` has exactly send_bytes of
 * ithaca_ulysses_buffer_bytes and overlaps no tensor. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_cuda_pack(
    const ithaca_ulysses_cuda* cuda, int32_t step,
    const ithaca_ulysses_const_span* tensors, int32_t num_tensors,
    ithaca_ulysses_span buffer, void* stream, ithaca_ulysses_error* error);

/* ithaca_ulysses_unpack on the device. `buffer` has exactly recv_bytes of
 * ithaca_ulysses_buffer_bytes and overlaps no tensor. */
ITHACA_ULYSSES_API int32_t ithaca_ulysses_cuda_unpack(
    const ithaca_ulysses_cuda* cuda, int32_t step,
    ithaca_ulysses_const_span buffer, const ithaca_ulysses_span* tensors,
    int32_t num_tensors, void* stream, ithaca_ulysses_error* error);

#ifdef __cplusplus
}
#endif

#endif /* ITHACA_KERNELS_API_ITHACA_ULYSSES_CUDA_H_ */
