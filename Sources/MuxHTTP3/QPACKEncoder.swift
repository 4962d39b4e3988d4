public import Bytes
import CNghttp3
public import QUICTransport

/// Encodes field sections and reads the peer's decoder stream (RFC 9204). Owns nghttp3's encoder.
@safe public struct QPACKEncoder: ~Copyable {
    private let encoder: OpaquePointer
    private let memory: QPACKMemory
    /// Where nghttp3 writes a section's lines and what goes to the encoder stream; kept between sections.
    private var lines = unsafe nghttp3_buf()
    private var instructions = unsafe nghttp3_buf()
    /// Sections with references to the dynamic table that the peer has not acknowledged.
    public private(set) var unacknowledgedSections = 0
    private var decoderStream = DecoderStreamCounter()

    /// - Parameters:
    ///   - capacity: most bytes that we are willing to use of the peer's dynamic table.
    ///   - memory: its worker's.
    public init(capacity: Int, memory: QPACKMemory) throws(HTTP3ConnectionError) {
        var created: OpaquePointer?
        let result = unsafe nghttp3_qpack_encoder_new(&created, capacity, memory.functions)
        guard result == 0, let created = unsafe created else {
            throw HTTP3ConnectionError(.internalError, "no QPACK encoder", cause: result)
        }
        unsafe encoder = created
        self.memory = memory
        unsafe nghttp3_buf_init(&lines)
        unsafe nghttp3_buf_init(&instructions)
    }

    deinit {
        var lines = unsafe lines
        var instructions = unsafe instructions
        unsafe nghttp3_buf_free(&lines, memory.functions)
        unsafe nghttp3_buf_free(&instructions, memory.functions)
        unsafe nghttp3_qpack_encoder_del(encoder)
    }

    /// Takes the peer's limits (RFC 9204 section 5).
    public mutating func apply(_ settings: PeerSettings) {
        unsafe nghttp3_qpack_encoder_set_max_dtable_capacity(encoder, Int(clamping: settings.qpackTableCapacity))
        // 100 is as many as a connection of ours has requests; a larger number costs memory only.
        unsafe nghttp3_qpack_encoder_set_max_blocked_streams(encoder, Int(min(100, settings.qpackBlockedStreams)))
    }

    /// Takes bytes of the peer's decoder stream.
    public mutating func readDecoderStream(_ bytes: Span<UInt8>) throws(HTTP3ConnectionError) {
        let result = unsafe bytes.withUnsafeBufferPointer { source in
            unsafe nghttp3_qpack_encoder_read_decoder(encoder, source.baseAddress, source.count)
        }
        guard result >= 0 else {
            throw HTTP3ConnectionError(
                .qpackDecoderStreamError, "QPACK decoder stream", cause: Int32(truncatingIfNeeded: result))
        }
        unacknowledgedSections = max(0, unacknowledgedSections - decoderStream.count(bytes))
    }

    /// Encodes one field section as a whole HEADERS frame (RFC 9114 section 7.2.2).
    ///
    /// - Parameters:
    ///   - list: the section's lines; their bytes are read now and not kept.
    ///   - frame: where the frame goes.
    ///   - encoderStream: where the bytes for our encoder stream go.
    public mutating func encode(
        _ list: borrowing FieldList, stream: QUICStreamID, gather: inout GatherBuffer, frame: inout SendBuffer,
        encoderStream: inout SendBuffer
    ) throws(HTTP3ConnectionError) {
        // The prefix is two short integers (RFC 9204 section 4.5.1): 16 bytes are more than it can take.
        var prefix = InlineArray<16, UInt8>(repeating: 0)
        var prefixCount = 0
        var result: Int32 = 0
        var span = prefix.mutableSpan
        unsafe span.withUnsafeMutableBufferPointer { room in
            guard let start = room.baseAddress else { return }
            var buffer = unsafe nghttp3_buf(begin: start, end: start + room.count, pos: start, last: start)
            unsafe result = nghttp3_qpack_encoder_encode(
                encoder, &buffer, &lines, &instructions, stream, list.lines, list.count)
            prefixCount = unsafe nghttp3_buf_len(&buffer)
        }
        guard result == 0 else { throw HTTP3ConnectionError(.internalError, "QPACK encoder", cause: result) }
        // RFC 9204 section 4.5.1.1: the first integer is 0 when there is no reference to the dynamic table.
        if prefix[0] != 0 { unacknowledgedSections += 1 }
        let lineCount = unsafe Self.count(lines)
        frame.appendFrameHeader(FrameType.headers, length: UInt64(prefixCount + lineCount), &gather)
        frame.append(copying: prefix.span.extracting(0..<prefixCount), &gather)
        unsafe frame.append(copying: Self.bytes(lines), &gather)
        unsafe nghttp3_buf_reset(&lines)
        if unsafe Self.count(instructions) > 0 {
            unsafe encoderStream.append(copying: Self.bytes(instructions), &gather)
            unsafe nghttp3_buf_reset(&instructions)
        }
    }

    private static func count(_ buffer: nghttp3_buf) -> Int {
        guard let start = unsafe buffer.pos, let end = unsafe buffer.last else { return 0 }
        return unsafe end - start
    }

    @_lifetime(immortal)
    private static func bytes(_ buffer: nghttp3_buf) -> Span<UInt8> {
        let bytes = unsafe UnsafeBufferPointer(start: buffer.pos, count: count(buffer))
        return unsafe _overrideLifetime(Span(_unsafeElements: bytes), borrowing: ())
    }
}

/// Counts the section acknowledgements on a decoder stream (RFC 9204 section 4.4.1): each takes one section from what
/// the peer makes us remember.
public struct DecoderStreamCounter {
    public init() {}

    private var isContinued = false

    /// Reads on; returns how many sections these bytes acknowledge.
    public mutating func count(_ bytes: Span<UInt8>) -> Int {
        var sections = 0
        for index in bytes.indices {
            let byte = bytes[index]
            if isContinued {
                isContinued = byte & 0x80 != 0
            } else if byte & 0x80 != 0 {
                sections += 1
                isContinued = byte & 0x7f == 0x7f
            } else {
                // Stream cancellation (it takes all sections of a stream; counted as one) or insert count increment.
                if byte & 0x40 != 0 { sections += 1 }
                isContinued = byte & 0x3f == 0x3f
            }
        }
        return sections
    }
}
