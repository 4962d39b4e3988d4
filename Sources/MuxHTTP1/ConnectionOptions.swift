import Messages

/// The `Transfer-Encoding` fields of one message (RFC 9112 section 6.1). The proxy decodes `chunked` and nothing else.
struct TransferCodings {
    private(set) var isPresent = false
    /// True when the last coding is `chunked`.
    private(set) var endsChunked = false
    private var hasOthers = false

    /// Takes in one field's value. Codings without a name and anything after `chunked` are refused.
    mutating func add(_ value: Span<UInt8>) throws(MessageError) {
        isPresent = true
        var start = 0
        while start <= value.count {
            var end = start
            while end < value.count, value[end] != 0x2c { end += 1 }
            let coding = value.extracting(start..<end).trimmed
            guard !coding.isEmpty, !endsChunked else { throw .badTransferEncoding }
            if coding.equalsIgnoringCase("chunked") {
                endsChunked = true
            } else {
                hasOthers = true
            }
            start = end + 1
        }
    }

    /// Checks that the message is chunked and nothing more.
    func check() throws(MessageError) {
        guard isPresent else { return }
        guard endsChunked else { throw .badTransferEncoding }
        guard !hasOthers else { throw .unknownTransferEncoding }
    }
}

/// The `Connection` fields of one message (RFC 9110 section 7.6.1).
struct ConnectionOptions {
    /// Options that may name fields; more are refused.
    static let nominationLimit = 32

    private(set) var close = false
    private(set) var keepAlive = false
    private(set) var upgrade = false
    private var nominations = 0

    /// Takes in one field's value.
    mutating func add(_ value: Span<UInt8>) throws(MessageError) {
        var place = 0
        while let option = value.nextMember(&place) {
            if option.equalsIgnoringCase("keep-alive") {
                keepAlive = true
            } else if option.equalsIgnoringCase("close") {
                close = true
            } else if option.equalsIgnoringCase("upgrade") {
                upgrade = true
            } else {
                nominations += 1
            }
        }
        guard nominations <= Self.nominationLimit else { throw .tooManyConnectionOptions }
    }

    /// Removes the fields that the options name.
    func removeNominated(from head: MessageHead) throws(MessageError) {
        guard nominations > 0 else { return }
        // The fields move while some are removed, so their text is gathered first.
        var texts = InlineArray<4, HeadRange>(repeating: .empty)
        var count = 0
        for index in 0..<head.fieldCount where head.name(at: index) == .connection {
            guard count < texts.count else { throw .tooManyConnectionOptions }
            texts[count] = try head.storeLowercased(head.value(at: index))
            count += 1
        }
        for index in 0..<count {
            let text = head.text(texts[index])
            var place = 0
            while let option = text.nextMember(&place) {
                if FieldName(option).isNominable { head.removeAll(named: option) }
            }
        }
    }
}

extension FieldName {
    /// False for fields that are meant for everybody on the path, or that guard something: a peer that names them in
    /// `Connection` wants them gone where they are needed.
    fileprivate var isNominable: Bool {
        switch self {
        case .host, .contentLength, .contentType, .contentEncoding, .cookie, .setCookie, .authorization, .cacheControl,
            .forwarded, .via, .xForwardedFor, .xForwardedProto, .expect, .earlyData:
            false
        default: !isHopByHop
        }
    }
}
