import Messages

/// The `Transfer-Encoding` fields of one message (RFC 9112 section 6.1). The proxy decodes `chunked` and nothing else.
struct TransferCodings {
    private(set) var isPresent = false
    /// True when the last coding is `chunked`.
    private(set) var endsChunked = false
    private var hasOthers = false

    /// Takes in one field's value. Codings without a name and anything after `chunked` are refused.
    ///
    /// - Parameter allowsViolations: passes over empty names, and over `chunked` once more.
    mutating func add(_ value: Span<UInt8>, allowsViolations: Bool = false) throws(MessageError) {
        isPresent = true
        var start = 0
        while start <= value.count {
            var end = start
            while end < value.count, value[end] != 0x2c { end += 1 }
            let coding = value.extracting(start..<end).trimmed
            if allowsViolations, coding.isEmpty || endsChunked && coding.equalsIgnoringCase("chunked") {
                start = end + 1
                continue
            }
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

    private(set) var isPresent = false
    private(set) var close = false
    private(set) var keepAlive = false
    private(set) var upgrade = false
    private var nominations = 0

    /// Takes in one field's value.
    mutating func add(_ value: Span<UInt8>) throws(MessageError) {
        isPresent = true
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

    /// Removes the options that are about this connection alone, which rules do not see, as in HAProxy.
    ///
    /// - Parameter keepsUpgrade: whether there is an `Upgrade` field, which `upgrade` belongs to.
    func removeOwn(from head: MessageHead, keepsUpgrade: Bool) throws(MessageError) {
        guard isPresent else { return }
        if nominations == 0, !(upgrade && keepsUpgrade) {
            head.removeAll(.connection)
            return
        }
        guard close || keepAlive || upgrade && !keepsUpgrade else { return }
        var index = 0
        while index < head.fieldCount {
            guard head.name(at: index) == .connection else {
                index += 1
                continue
            }
            guard let others = Self.others(in: head.value(at: index), keepsUpgrade: keepsUpgrade) else {
                index += 1
                continue
            }
            if others.isEmpty {
                head.remove(at: index)
            } else {
                try head.replaceValue(at: index, others.span)
                index += 1
            }
        }
    }

    /// The options that stay; nil when all do.
    private static func others(in list: Span<UInt8>, keepsUpgrade: Bool) -> [UInt8]? {
        var others: [UInt8] = []
        var hasOwn = false
        var place = 0
        while let option = list.nextMember(&place) {
            if option.equalsIgnoringCase("keep-alive") || option.equalsIgnoringCase("close")
                || !keepsUpgrade && option.equalsIgnoringCase("upgrade")
            {
                hasOwn = true
                continue
            }
            if !others.isEmpty { others.append(0x2c) }
            for index in option.indices { others.append(option[index]) }
        }
        return hasOwn ? others : nil
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
