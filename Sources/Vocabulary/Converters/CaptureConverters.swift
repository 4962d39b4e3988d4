import Samples

/// Converters that keep text in a capture slot (configuration.txt section 7.3.1).
enum CaptureConverters {
    static let all: [Converter] = [
        converter("capture-req", .request), converter("capture-res", .response),
    ]

    private static func converter(_ name: String, _ direction: MessageDirection) -> Converter {
        Converter(
            name,
            "Keeps the text in a capture slot of the \(direction) and passes it on; there is no value when the slot does"
                + " not exist.",
            example: "src,\(name)(0)", takes: ArgumentSignature([.integer], required: 1), from: .str, to: .str
        ) { evaluation, arguments, sample in
            guard let transaction = evaluation.transaction, let slot = Int(exactly: arguments.integer(0)) else {
                return false
            }
            return transaction.capture(sample.bytes, direction, slot: slot)
        }
    }
}
