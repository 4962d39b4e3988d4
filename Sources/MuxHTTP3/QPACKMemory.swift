import Bytes
import CNghttp3

/// Where nghttp3 takes memory for QPACK: a worker's small blocks, so that a request's names, values and references cost no
/// call of the system's allocator. Encoders, decoders and field sections keep it as long as they have blocks of it.
@safe public final class QPACKMemory {
    private let pool = BlockPool()
    let functions: UnsafeMutablePointer<nghttp3_mem>

    public init() {
        unsafe functions = .allocate(capacity: 1)
        unsafe functions.initialize(
            to: nghttp3_mem(
                user_data: pool.context, malloc: BlockPool.allocate, free: BlockPool.release,
                calloc: BlockPool.allocateZeroed, realloc: BlockPool.reallocate))
    }

    deinit { unsafe functions.deallocate() }
}
