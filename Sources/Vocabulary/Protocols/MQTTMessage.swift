import Messages

/// The types of MQTT control packets (MQTT 5.0 section 2.1.2).
enum MQTTPacketType: UInt8, CaseIterable {
    case connect = 1
    case connack, publish, puback, pubrec, pubrel, pubcomp, subscribe, suback, unsubscribe, unsuback, pingreq, pingresp
    case disconnect, auth

    /// The type that a number or a name in any case says; nil for neither.
    init?(name: [UInt8]) {
        // Characters count by their distance from `0`, digits or not, as in HAProxy.
        var number: UInt32 = 0
        for byte in name { number = number &* 10 &+ UInt32(byte) &- 0x30 }
        if let type = UInt8(exactly: number).flatMap(Self.init(rawValue:)) {
            self = type
            return
        }
        let wanted = String(decoding: name, as: UTF8.self).lowercased()
        guard let type = Self.allCases.first(where: { "\($0)" == wanted }) else { return nil }
        self = type
    }

    /// The low four bits of a packet's first byte; nil: any.
    fileprivate var flags: UInt8? {
        switch self {
        case .publish: nil
        case .pubrel, .subscribe, .unsubscribe: 2
        default: 0
        }
    }

    /// The fields that `mqtt_field_value` takes for the type.
    var fields: Set<MQTTField> {
        switch self {
        case .connect:
            [
                .protocolName, .protocolVersion, .flags, .keepalive, .sessionExpiryInterval, .receiveMaximum,
                .maximumPacketSize, .topicAliasMaximum, .requestResponseInformation, .requestProblemInformation,
                .userProperty, .authenticationMethod, .authenticationData, .clientIdentifier, .delayInterval,
                .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic, .correlationData,
                .willTopic, .willPayload, .username, .password,
            ]
        case .connack:
            [
                .flags, .protocolVersion, .reasonCode, .sessionExpiryInterval, .receiveMaximum, .maximumQoS,
                .retainAvailable, .maximumPacketSize, .assignedClientIdentifier, .topicAliasMaximum, .reasonString,
                .wildcardSubscriptionAvailable, .subscriptionIdentifiersAvailable, .sharedSubscriptionAvailable,
                .serverKeepalive, .responseInformation, .serverReference, .userProperty, .authenticationMethod,
                .authenticationData,
            ]
        case .publish:
            [
                .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic, .correlationData,
                .subscriptionIdentifier, .topicAlias, .userProperty,
            ]
        case .puback, .pubrec, .pubrel, .pubcomp: [.reasonCode, .reasonString, .userProperty]
        case .subscribe: [.subscriptionIdentifier, .userProperty]
        case .suback, .unsuback: [.reasonString, .userProperty]
        case .unsubscribe: [.userProperty]
        case .pingreq, .pingresp: []
        case .disconnect: [.reasonCode, .sessionExpiryInterval, .serverReference, .reasonString, .userProperty]
        case .auth: [.authenticationMethod, .authenticationData, .reasonString, .userProperty]
        }
    }
}

/// A field that `mqtt_field_value` can give, with the word that the configuration writes: a name, or the identifier of
/// a property of MQTT 5.0 (section 2.2.2.2).
enum MQTTField: String {
    case flags = "flags"
    case reasonCode = "reason_code"
    case protocolName = "protocol_name"
    case protocolVersion = "protocol_version"
    case clientIdentifier = "client_identifier"
    case willTopic = "will_topic"
    case willPayload = "will_payload"
    case username = "username"
    case password = "password"
    case keepalive = "keepalive"
    case payloadFormatIndicator = "1"
    case messageExpiryInterval = "2"
    case contentType = "3"
    case responseTopic = "8"
    case correlationData = "9"
    case subscriptionIdentifier = "11"
    case sessionExpiryInterval = "17"
    case assignedClientIdentifier = "18"
    case serverKeepalive = "19"
    case authenticationMethod = "21"
    case authenticationData = "22"
    case requestProblemInformation = "23"
    case delayInterval = "24"
    case requestResponseInformation = "25"
    case responseInformation = "26"
    case serverReference = "28"
    case reasonString = "31"
    case receiveMaximum = "33"
    case topicAliasMaximum = "34"
    case topicAlias = "35"
    case maximumQoS = "36"
    case retainAvailable = "37"
    case userProperty = "38"
    case maximumPacketSize = "39"
    case wildcardSubscriptionAvailable = "40"
    case subscriptionIdentifiersAvailable = "41"
    case sharedSubscriptionAvailable = "42"

    /// The field of a word in any case.
    init?(name: [UInt8]) { self.init(rawValue: String(decoding: name, as: UTF8.self).lowercased()) }
}

/// Reads the first MQTT packet of a connection, CONNECT or CONNACK in version 3.1, 3.1.1 or 5.0, checks it, and keeps
/// the one field that is asked for.
struct MQTTMessage: ~Escapable {
    enum Validity { case valid, invalid, moreNeeded }

    /// A field's value.
    enum Value {
        case number(UInt32)
        /// Where a text stands in the packet.
        case text(Range<Int>)
    }

    private static let version311: UInt8 = 4
    private static let version5: UInt8 = 5
    private static let willFlag: UInt8 = 0x04

    private let bytes: Span<UInt8>
    private let wanted: MQTTField?
    private var position = 0
    /// Where what is read now ends: the input's end, or a list of properties'.
    private var end: Int
    private var version: UInt8 = 0
    private var found: Value?
    private(set) var type: MQTTPacketType?
    private var hasAuthenticationMethod = false
    private var hasAuthenticationData = false

    /// Prepares to read `bytes`; ``validate()`` does it.
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, wanted: MQTTField? = nil) {
        self.bytes = bytes
        self.wanted = wanted
        end = bytes.count
    }

    /// The value of the field asked for; nil when the packet has none, or an empty text.
    var value: Value? {
        if case .text(let range)? = found, range.isEmpty { return nil }
        return found
    }

    /// Reads the packet.
    mutating func validate() -> Validity {
        if bytes.count < 2 { return .moreNeeded }
        guard let type = MQTTPacketType(rawValue: bytes[0] >> 4), type.flags ?? bytes[0] & 15 == bytes[0] & 15 else {
            return .invalid
        }
        self.type = type
        position = 1
        guard let length = variableInteger() else { return .invalid }
        if bytes.count - position < length { return .moreNeeded }
        let start = position
        let isRead =
            switch type {
            case .connect: connect()
            case .connack: connack()
            default: false
            }
        return isRead && position - start == length ? .valid : .invalid
    }

    // MARK: Packets

    /// Section 3.1.
    private mutating func connect() -> Bool {
        guard let name = text() else { return false }
        let protocolName = bytes.extracting(name)
        guard protocolName.equalsIgnoringCase("mqtt") || protocolName.equalsIgnoringCase("mqisdp") else { return false }
        keep(.protocolName, .text(name))
        guard let version = byte(), 3...Self.version5 ~= version, let flags = byte(), flags & 1 == 0 else {
            return false
        }
        self.version = version
        keep(.protocolVersion, .number(UInt32(version)))
        keep(.flags, .number(UInt32(flags)))
        // HAProxy looks for both bits of the will's quality of service, without a will and without its retain flag.
        if flags & 0x3c == 0x18 { return false }
        guard let keepalive = number(bytes: 2) else { return false }
        keep(.keepalive, .number(keepalive))
        if version == Self.version5, !properties(Self.connectProperties) { return false }
        if hasAuthenticationData, !hasAuthenticationMethod { return false }
        guard keepText(.clientIdentifier) else { return false }
        if flags & Self.willFlag != 0 {
            if version == Self.version5, !properties(Self.willProperties) { return false }
            guard keepText(.willTopic), keepText(.willPayload) else { return false }
        }
        if flags & 0x80 != 0, !keepText(.username) { return false }
        return flags & 0x40 == 0 || keepText(.password)
    }

    /// Section 3.2.
    private mutating func connack() -> Bool {
        if end - position < 2 { return false }
        version = end - position == 2 ? Self.version311 : Self.version5
        keep(.protocolVersion, .number(UInt32(version)))
        guard let flags = byte(), flags & 0xfe == 0, let reason = byte() else { return false }
        keep(.flags, .number(UInt32(flags)))
        keep(.reasonCode, .number(UInt32(reason)))
        return version == Self.version311 || properties(Self.connackProperties)
    }

    // MARK: Properties

    private struct Property {
        enum Kind { case flag, two, twoNotZero, four, fourNotZero, text, textNotEmpty, pair }
        let identifier: UInt8
        let field: MQTTField
        let kind: Kind

        init(_ identifier: UInt8, _ field: MQTTField, _ kind: Kind) {
            self.identifier = identifier
            self.field = field
            self.kind = kind
        }
    }

    private static let connectProperties: [Property] = [
        Property(0x11, .sessionExpiryInterval, .four), Property(0x21, .receiveMaximum, .twoNotZero),
        Property(0x27, .maximumPacketSize, .fourNotZero), Property(0x22, .topicAliasMaximum, .two),
        Property(0x19, .requestResponseInformation, .flag), Property(0x17, .requestProblemInformation, .flag),
        Property(0x26, .userProperty, .pair), Property(0x15, .authenticationMethod, .text),
        Property(0x16, .authenticationData, .text),
    ]

    private static let willProperties: [Property] = [
        Property(0x18, .delayInterval, .four), Property(0x01, .payloadFormatIndicator, .flag),
        Property(0x02, .messageExpiryInterval, .four), Property(0x03, .contentType, .text),
        Property(0x08, .responseTopic, .text), Property(0x09, .correlationData, .text),
        Property(0x26, .userProperty, .pair),
    ]

    private static let connackProperties: [Property] = [
        Property(0x11, .sessionExpiryInterval, .four), Property(0x21, .receiveMaximum, .twoNotZero),
        Property(0x24, .maximumQoS, .flag), Property(0x25, .retainAvailable, .flag),
        Property(0x27, .maximumPacketSize, .fourNotZero), Property(0x12, .assignedClientIdentifier, .textNotEmpty),
        Property(0x22, .topicAliasMaximum, .two), Property(0x1f, .reasonString, .text),
        Property(0x28, .wildcardSubscriptionAvailable, .flag), Property(0x29, .subscriptionIdentifiersAvailable, .flag),
        Property(0x2a, .sharedSubscriptionAvailable, .flag), Property(0x13, .serverKeepalive, .two),
        Property(0x1a, .responseInformation, .text), Property(0x1c, .serverReference, .text),
        Property(0x26, .userProperty, .pair), Property(0x15, .authenticationMethod, .text),
        Property(0x16, .authenticationData, .text),
    ]

    /// Reads a list of properties and its length. Numbers that are not in it are 0.
    private mutating func properties(_ known: [Property]) -> Bool {
        guard let length = variableInteger(), end - position >= length else { return false }
        for property in known {
            switch property.kind {
            case .flag, .two, .twoNotZero, .four, .fourNotZero: keep(property.field, .number(0))
            case .text, .textNotEmpty, .pair: break
            }
        }
        let outerEnd = end
        end = position + length
        defer { end = outerEnd }
        var seen: UInt64 = 0
        while position < end {
            let identifier = bytes[position]
            position += 1
            guard let property = known.first(where: { $0.identifier == identifier }) else { return false }
            if property.kind != .pair {
                guard seen & 1 << UInt64(identifier) == 0 else { return false }
                seen |= 1 << UInt64(identifier)
            }
            guard read(property) else { return false }
        }
        return true
    }

    private mutating func read(_ property: Property) -> Bool {
        switch property.kind {
        case .pair: return text() != nil && text() != nil
        case .text, .textNotEmpty:
            guard let range = text(), !range.isEmpty || property.kind == .text else { return false }
            keep(property.field, .text(range))
            if property.field == .authenticationMethod { hasAuthenticationMethod = !range.isEmpty }
            if property.field == .authenticationData { hasAuthenticationData = !range.isEmpty }
            return true
        case .flag:
            guard let flag = byte(), flag < 2 else { return false }
            keep(property.field, .number(UInt32(flag)))
            return true
        case .two, .twoNotZero, .four, .fourNotZero:
            let isShort = property.kind == .two || property.kind == .twoNotZero
            guard let value = number(bytes: isShort ? 2 : 4) else { return false }
            if value == 0, property.kind == .twoNotZero || property.kind == .fourNotZero { return false }
            keep(property.field, .number(value))
            return true
        }
    }

    // MARK: Values (section 1.5)

    private mutating func keep(_ field: MQTTField, _ value: Value) {
        if field == wanted { found = value }
    }

    private mutating func keepText(_ field: MQTTField) -> Bool {
        guard let range = text() else { return false }
        keep(field, .text(range))
        return true
    }

    private mutating func byte() -> UInt8? {
        guard position < end else { return nil }
        position += 1
        return bytes[position - 1]
    }

    private mutating func number(bytes count: Int) -> UInt32? {
        guard end - position >= count else { return nil }
        var value: UInt32 = 0
        for index in position..<position + count { value = value << 8 | UInt32(bytes[index]) }
        position += count
        return value
    }

    private mutating func text() -> Range<Int>? {
        guard let length = number(bytes: 2), end - position >= Int(length) else { return nil }
        position += Int(length)
        return position - Int(length)..<position
    }

    /// At most four bytes; nil when it is longer. One that the input cuts short counts as far as it goes.
    private mutating func variableInteger() -> Int? {
        var value = 0
        for place in 0..<4 {
            guard let byte = byte() else { return value }
            value |= Int(byte & 0x7f) << (7 * place)
            if byte < 0x80 { return value }
        }
        return nil
    }
}
