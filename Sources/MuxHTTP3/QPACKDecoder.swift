public import Bytes
import CNghttp3
public import QUICTransport

/// Decodes field sections and the peer's encoder stream (RFC 9204). Owns nghttp3's decoder.
@safe public struct QPACKDecoder: ~Copyable {
    private let decoder: OpaquePointer
    private let memory: QPACKMemory
    /// The field that the last ``next(_:_:_:isLast:)`` gave; its buffers are held until the next call.
    private var field = unsafe nghttp3_qpack_nv()
    private var holdsField = false

    /// What the decoder says about a piece of a field section.
    public enum Step {
        /// A field line is here: ``withField(_:)`` has it.
        case field
        /// The piece is used up.
        case more
        /// The section is complete.
        case end
        /// The section refers to entries that have not come on the encoder stream yet.
        case blocked
    }

    /// - Parameters:
    ///   - capacity: most bytes in the dynamic table.
    ///   - blockedStreams: streams that may wait for the encoder stream.
    ///   - streams: streams that may be open at a time.
    ///   - memory: its worker's.
    public init(
        capacity: Int, blockedStreams: Int, streams: Int, memory: QPACKMemory
    ) throws(HTTP3ConnectionError) {
        var created: OpaquePointer?
        let result = unsafe nghttp3_qpack_decoder_new(&created, capacity, blockedStreams, memory.functions)
        guard result == 0, let created = unsafe created else {
            throw HTTP3ConnectionError(.internalError, "no QPACK decoder", cause: result)
        }
        unsafe decoder = created
        self.memory = memory
        unsafe nghttp3_qpack_decoder_set_max_concurrent_streams(created, streams)
    }

    deinit {
        if holdsField { unsafe Self.drop(field) }
        unsafe nghttp3_qpack_decoder_del(decoder)
    }

    private static func drop(_ field: nghttp3_qpack_nv) {
        unsafe nghttp3_rcbuf_decref(field.name)
        unsafe nghttp3_rcbuf_decref(field.value)
    }

    /// Entries that the peer has put into the dynamic table so far.
    public var insertCount: UInt64 { unsafe nghttp3_qpack_decoder_get_icnt(decoder) }

    /// Takes bytes of the peer's encoder stream.
    public mutating func readEncoderStream(_ bytes: Span<UInt8>) throws(HTTP3ConnectionError) {
        let result = unsafe bytes.withUnsafeBufferPointer { source in
            unsafe nghttp3_qpack_decoder_read_encoder(decoder, source.baseAddress, source.count)
        }
        guard result >= 0 else {
            throw HTTP3ConnectionError(
                .qpackEncoderStreamError, "QPACK encoder stream", cause: Int32(truncatingIfNeeded: result))
        }
    }

    /// Reads a field section on at `position`, as far as the next field line, and moves `position`.
    ///
    /// - Parameter isLast: the section ends with these bytes.
    public mutating func next(
        _ section: FieldSection, _ bytes: Span<UInt8>, _ position: inout Int, isLast: Bool
    ) throws(HTTP3ConnectionError) -> Step {
        if holdsField {
            unsafe Self.drop(field)
            holdsField = false
        }
        var flags: UInt8 = 0
        let rest = bytes.extracting(position..<bytes.count)
        let read = unsafe rest.withUnsafeBufferPointer { source in
            unsafe nghttp3_qpack_decoder_read_request(
                decoder, section.context, &field, &flags, source.baseAddress, source.count, isLast ? 1 : 0)
        }
        guard read >= 0 else {
            let cause = Int32(truncatingIfNeeded: read)
            // nghttp3 takes names up to 256 bytes and values up to 64 KiB; it can not go on after a longer one.
            throw cause == NGHTTP3_ERR_QPACK_HEADER_TOO_LARGE
                ? HTTP3ConnectionError(.excessiveLoad, "field is too large", cause: cause)
                : HTTP3ConnectionError(.qpackDecompressionFailed, "field section", cause: cause)
        }
        position += read
        if flags & UInt8(NGHTTP3_QPACK_DECODE_FLAG_EMIT) != 0 {
            holdsField = true
            return .field
        }
        if flags & UInt8(NGHTTP3_QPACK_DECODE_FLAG_BLOCKED) != 0 { return .blocked }
        if flags & UInt8(NGHTTP3_QPACK_DECODE_FLAG_FINAL) != 0 { return .end }
        return .more
    }

    /// Calls `body` with name and value of the field that the last step gave.
    @inline(__always)
    public func withField<Failure: Error>(
        _ body: (Span<UInt8>, Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        guard holdsField else { return }
        let name = unsafe nghttp3_rcbuf_get_buf(field.name)
        let value = unsafe nghttp3_rcbuf_get_buf(field.value)
        try body(
            unsafe Span(_unsafeElements: UnsafeBufferPointer(start: name.base, count: name.len)),
            unsafe Span(_unsafeElements: UnsafeBufferPointer(start: value.base, count: value.len)))
    }

    /// Tells the peer that no more sections of a stream are read (RFC 9204 section 4.4.2).
    public mutating func cancel(_ stream: QUICStreamID) throws(HTTP3ConnectionError) {
        let result = unsafe nghttp3_qpack_decoder_cancel_stream(decoder, stream)
        // The decoder stream's buffer is full: the peer does not let us send on it.
        guard result == 0 else { throw HTTP3ConnectionError(.excessiveLoad, "QPACK decoder stream", cause: result) }
    }

    /// What waits to be sent on our decoder stream: acknowledgements, cancellations. Nil when there is nothing.
    public mutating func takeDecoderStream(_ gather: inout GatherBuffer) -> Chunk? {
        let length = unsafe nghttp3_qpack_decoder_get_decoder_streamlen(decoder)
        guard length > 0 else { return nil }
        return unsafe gather.write(minimum: length) { room in
            guard let start = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self), room.count >= length else {
                return 0
            }
            var buffer = unsafe nghttp3_buf(begin: start, end: start + room.count, pos: start, last: start)
            unsafe nghttp3_qpack_decoder_write_decoder(decoder, &buffer)
            return unsafe buffer.last - start
        }
    }
}

/// The decoder's state for the field sections of one stream; the object is used again for other streams.
@safe public final class FieldSection {
    fileprivate private(set) var context: OpaquePointer?
    private let memory: QPACKMemory

    public init(_ memory: QPACKMemory) {
        unsafe context = nil
        self.memory = memory
    }

    deinit { unsafe nghttp3_qpack_stream_context_del(context) }

    /// Makes ready for the next section of a stream.
    public func begin(_ stream: QUICStreamID) throws(HTTP3ConnectionError) {
        if let context = unsafe context { return unsafe nghttp3_qpack_stream_context_reset(context) }
        let result = unsafe nghttp3_qpack_stream_context_new(&context, stream, memory.functions)
        guard result == 0 else { throw HTTP3ConnectionError(.internalError, "no QPACK stream context", cause: result) }
    }

    /// Forgets the stream.
    public func end() {
        unsafe nghttp3_qpack_stream_context_del(context)
        unsafe context = nil
    }

    /// The insert count that the section needs before it can be decoded (RFC 9204 section 4.5.1.1).
    public var requiredInsertCount: UInt64 {
        guard let context = unsafe context else { return 0 }
        return unsafe nghttp3_qpack_stream_context_get_ricnt(context)
    }
}
