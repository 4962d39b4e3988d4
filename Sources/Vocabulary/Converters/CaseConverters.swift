import Messages
import Samples

/// Converters that change the case of ASCII letters (configuration.txt section 7.3.1).
enum CaseConverters {
    static let all: [Converter] = [
        Converter("lower", "The text in lower case.", from: .str, to: .str) { evaluation, _, sample in
            var text = evaluation.scratch.text()
            let bytes = sample.bytes
            for index in bytes.indices { text.append(bytes[index].asciiLowercased) }
            text.finish(&sample)
            return true
        },
        Converter("upper", "The text in upper case.", from: .str, to: .str) { evaluation, _, sample in
            var text = evaluation.scratch.text()
            let bytes = sample.bytes
            for index in bytes.indices {
                let byte = bytes[index]
                text.append(byte &- 0x61 < 26 ? byte & 0xdf : byte)
            }
            text.finish(&sample)
            return true
        },
    ]
}
