import Bytes
import Samples
import Words

/// Converters that read messages of other protocols out of bytes: FIX and MQTT (configuration.txt section 7.3.1).
enum MessageConverters {
    static let all: [Converter] = [
        Converter(
            "fix_is_valid", "Whether a FIX message is valid.", example: "req.payload(0,0),fix_is_valid", from: .bin,
            to: .bool
        ) { _, _, sample in
            isValid(FIXMessage.validate(sample.bytes), &sample)
        },
        Converter(
            "fix_tag_value", "The value of a tag of a FIX message.",
            example: "req.payload(0,0),fix_tag_value(SenderCompID)", takes: ArgumentSignature([.string], required: 1),
            from: .bin, to: .bin, prepare: { values, _ throws(Complaint) in try FIXTag(values.first) }
        ) { _, arguments, sample in
            sample.flags.remove(.mayChange)
            switch FIXMessage.value(of: arguments.object(FIXTag.self).number, in: sample.bytes) {
            case .value(let range): sample.cut(to: range)
            case .none: return false
            case .moreNeeded:
                sample.flags.insert(.mayChange)
                return false
            }
            return true
        },
        Converter(
            "mqtt_is_valid", "Whether a CONNECT or CONNACK packet of MQTT is valid.",
            example: "req.payload(0,0),mqtt_is_valid", from: .bin, to: .bool
        ) { _, _, sample in
            var message = MQTTMessage(sample.bytes)
            switch message.validate() {
            case .valid: return isValid(.value(true), &sample)
            case .invalid: return isValid(.value(false), &sample)
            case .moreNeeded: return isValid(.moreNeeded, &sample)
            }
        },
        Converter(
            "mqtt_field_value", "A field of a CONNECT or CONNACK packet of MQTT.",
            example: "req.payload(0,0),mqtt_field_value(connect,protocol_name)",
            takes: ArgumentSignature([.string, .string], required: 2), from: .bin, to: .str,
            prepare: { values, _ throws(Complaint) in try MQTTQuery(values) }
        ) { evaluation, arguments, sample in
            arguments.object(MQTTQuery.self).apply(evaluation, &sample)
        },
    ]

    private static func isValid(_ answer: FIXMessage.Answer<Bool>, _ sample: inout Sample) -> Bool {
        sample.flags.remove(.mayChange)
        switch answer {
        case .value(let value): sample.setBool(value)
        case .none: sample.setBool(false)
        case .moreNeeded:
            sample.flags.insert(.mayChange)
            return false
        }
        return true
    }
}

/// The tag that `fix_tag_value` looks for.
private final class FIXTag: Sendable {
    let number: UInt32

    init(_ argument: Argument?) throws(Complaint) {
        guard case .string(let name)? = argument, let number = FIXMessage.tag(name.span) else {
            var name = ""
            if case .string(let text)? = argument { name = String(decoding: text, as: UTF8.self) }
            throw Complaint("Unknown FIX tag name '\(name)'")
        }
        self.number = number
    }
}

/// The packet and the field that `mqtt_field_value` looks for.
private final class MQTTQuery: Sendable {
    private let type: MQTTPacketType
    private let field: MQTTField

    init(_ values: [Argument]) throws(Complaint) {
        guard values.count > 1, case .string(let typeName) = values[0], case .string(let fieldName) = values[1] else {
            throw Complaint("a packet type and a field name are needed")
        }
        let typeText = String(decoding: typeName, as: UTF8.self)
        guard let type = MQTTPacketType(name: typeName) else { throw Complaint("Unknown MQTT type '\(typeText)'") }
        guard let field = MQTTField(name: fieldName), type.fields.contains(field) else {
            let fieldText = String(decoding: fieldName, as: UTF8.self)
            throw Complaint("Unknown MQTT field name '\(fieldText)' for packet type '\(typeText)'")
        }
        self.type = type
        self.field = field
    }

    func apply(_ evaluation: Evaluation, _ sample: inout Sample) -> Bool {
        sample.flags.remove(.mayChange)
        var message = MQTTMessage(sample.bytes, wanted: field)
        switch message.validate() {
        case .valid: break
        case .invalid: return false
        case .moreNeeded:
            sample.flags.insert(.mayChange)
            return false
        }
        guard message.type == type else { return false }
        switch message.value {
        case nil: return false
        case .text(let range)?: sample.cut(to: range)
        case .number(let number)?:
            var text = evaluation.scratch.text()
            text.append(Int64(number))
            text.finish(&sample, .bin)
        }
        return true
    }
}
