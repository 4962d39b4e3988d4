/// What is wrong with a message: one case for each rule that it breaks. HTTP/2 and HTTP/3 treat all of them as a
/// malformed message (RFC 9113 section 8.1.1, RFC 9114 section 4.1.2); HTTP/1 answers with ``status``.
public enum MessageError: UInt8, Error, Equatable, Sendable, CaseIterable {
    // Fields
    case emptyName, badName, upperCaseName, badValue, connectionSpecificField, badTE
    case badContentLength, conflictingContentLength
    /// The head's bytes would pass its limit (`tune.bufsize`), or its fields `tune.http.maxhdr`.
    case headTooLarge, tooManyFields
    // Pseudo-header fields
    case pseudoFieldAfterField, duplicatePseudoField, unknownPseudoField, pseudoFieldInTrailers
    case missingMethod, missingScheme, missingPath, missingAuthority, missingStatus
    case unexpectedScheme, unexpectedPath, unexpectedProtocol, protocolNotEnabled
    // Values of the start line
    case badMethod, badScheme, badPath, badAuthority, badConnectAuthority, badProtocol, badStatus
    case hostMismatch, duplicateHost, targetTooLong
    // Body
    case bodyLongerThanLength, bodyShorterThanLength, interimWithEnd
    // HTTP/1 only (RFC 9112)
    case badStartLine, badTarget, badVersion, unsupportedVersion
    case bareCarriageReturn, bareLineFeed, foldedField, blankBeforeColon, missingColon
    case badTransferEncoding, unknownTransferEncoding, bodyInHTTP10, upgradeWithBody
    case tooManyConnectionOptions, unexpectedUpgrade, badUpgradeAnswer, tooManyEmptyLines
    case badChunk, chunkExtensionTooLong, missingWebSocketKey

    /// The rule in words, for logs.
    public var text: StaticString {
        switch self {
        case .emptyName: "empty field name"
        case .badName: "forbidden character in a field name"
        case .upperCaseName: "upper-case letter in a field name"
        case .badValue: "forbidden character in a field value"
        case .connectionSpecificField: "connection-specific field"
        case .badTE: "te is not trailers"
        case .badContentLength: "content-length is not a number"
        case .conflictingContentLength: "several values of content-length"
        case .headTooLarge: "head is larger than the buffer"
        case .tooManyFields: "too many fields"
        case .pseudoFieldAfterField: "pseudo-header field after a field"
        case .duplicatePseudoField: "pseudo-header field came twice"
        case .unknownPseudoField: "unknown pseudo-header field"
        case .pseudoFieldInTrailers: "pseudo-header field in trailers"
        case .missingMethod: "no :method"
        case .missingScheme: "no :scheme"
        case .missingPath: "no :path"
        case .missingAuthority: "neither :authority nor host"
        case .missingStatus: "no :status"
        case .unexpectedScheme: ":scheme in CONNECT"
        case .unexpectedPath: ":path in CONNECT"
        case .unexpectedProtocol: ":protocol without CONNECT"
        case .protocolNotEnabled: "extended CONNECT is not enabled"
        case .badMethod: "method is not a token"
        case .badScheme: "scheme is malformed"
        case .badPath: "path is malformed"
        case .badAuthority: "authority is malformed"
        case .badConnectAuthority: "target of CONNECT has no port"
        case .badProtocol: "protocol is not a token"
        case .badStatus: "status is not 100 to 599"
        case .hostMismatch: "host is not the authority"
        case .duplicateHost: "several host fields"
        case .targetTooLong: "request target is longer than the buffer"
        case .bodyLongerThanLength: "body is longer than content-length"
        case .bodyShorterThanLength: "body is shorter than content-length"
        case .interimWithEnd: "interim response ends the stream"
        case .badStartLine: "start line is malformed"
        case .badTarget: "request target is malformed"
        case .badVersion: "version is malformed"
        case .unsupportedVersion: "version is not supported"
        case .bareCarriageReturn: "CR without LF"
        case .bareLineFeed: "LF without CR"
        case .foldedField: "folded field line"
        case .blankBeforeColon: "blank before a colon"
        case .missingColon: "field line without a colon"
        case .badTransferEncoding: "transfer-encoding does not end in one chunked"
        case .unknownTransferEncoding: "transfer coding is not supported"
        case .bodyInHTTP10: "body in a GET, HEAD or DELETE of HTTP/1.0"
        case .upgradeWithBody: "upgrade with a body"
        case .tooManyConnectionOptions: "too many connection options"
        case .unexpectedUpgrade: "101 that nobody asked for"
        case .badUpgradeAnswer: "101 does not fit the upgrade"
        case .tooManyEmptyLines: "too many empty lines before the start line"
        case .badChunk: "chunk is malformed"
        case .chunkExtensionTooLong: "chunk extension is too long"
        case .missingWebSocketKey: "websocket upgrade without a key"
        }
    }

    /// Whether an HTTP/2 client gets an answer, and not a reset of its stream: RFC 9113 section 8.1.1 allows one, and
    /// HAProxy gives it for start lines that read well and mean nothing.
    public var isAnsweredInHTTP2: Bool {
        switch self {
        case .badMethod, .badScheme, .badTarget: true
        default: status != 400
        }
    }

    /// The status of the answer that a request with this error gets.
    public var status: Int {
        switch self {
        case .headTooLarge, .tooManyFields: 431
        case .bodyInHTTP10: 413
        case .targetTooLong: 414
        case .unsupportedVersion: 505
        case .unknownTransferEncoding: 422
        case .upgradeWithBody: 501
        default: 400
        }
    }
}
