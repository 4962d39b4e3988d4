import Samples
import Words

/// Converters between bytes and text that spells them (configuration.txt section 7.3.1).
enum EncodingConverters {
    static let all: [Converter] = [
        Converter("base64", "The bytes in base64 (RFC 4648 section 4).", example: "src,base64", from: .bin, to: .str) {
            evaluation, _, sample in
            encode(.standard, &sample, evaluation.scratch)
        },
        Converter("b64dec", "The bytes that base64 text spells; none when it is not valid.", from: .str, to: .bin) {
            evaluation, _, sample in
            decode(.standard, &sample, evaluation.scratch)
        },
        Converter(
            "ub64enc", "The bytes in base64url, without padding (RFC 4648 section 5).", example: "src,ub64enc",
            from: .bin, to: .str
        ) { evaluation, _, sample in encode(.url, &sample, evaluation.scratch) },
        Converter("ub64dec", "The bytes that base64url text spells; none when it is not valid.", from: .str, to: .bin) {
            evaluation, _, sample in
            decode(.url, &sample, evaluation.scratch)
        },
        Converter("hex", "Two hexadecimal digits for each byte.", example: "src,hex", from: .bin, to: .str) {
            evaluation, _, sample in
            var text = evaluation.scratch.text()
            let bytes = sample.bytes
            for index in bytes.indices { text.append(hexadecimal: bytes[index]) }
            guard !text.isFull else { return false }
            text.finish(&sample)
            return true
        },
        Converter(
            "hex2i", "The integer that hexadecimal digits spell; none when another character is among them.",
            example: "str(ff),hex2i", from: .str, to: .sint
        ) { _, _, sample in
            let bytes = sample.bytes
            var value: Int64 = 0
            for index in bytes.indices {
                guard let digit = hexadecimalDigit(bytes[index]) else { return false }
                value = value << 4 &+ Int64(digit)
            }
            sample.setInteger(value)
            return true
        },
        Converter("base2", "Eight binary digits for each byte.", example: "src,base2", from: .bin, to: .str) {
            evaluation, _, sample in
            var text = evaluation.scratch.text()
            let bytes = sample.bytes
            for index in bytes.indices {
                for bit in 0..<UInt8(8) { text.append(UInt8(bytes[index] << bit & 0x80 == 0 ? 0x30 : 0x31)) }
            }
            guard !text.isFull else { return false }
            text.finish(&sample)
            return true
        },
        Converter(
            "htonl", "The low 32 bits of the integer as four bytes in network order.", example: "int(1),htonl",
            from: .sint, to: .bin
        ) { evaluation, _, sample in
            var text = evaluation.scratch.text()
            for place in 0..<4 { text.append(UInt8(truncatingIfNeeded: sample.number >> Int64(24 - 8 * place))) }
            text.finish(&sample, .bin)
            return true
        },
    ]

    private static func encode(_ alphabet: Base64Alphabet, _ sample: inout Sample, _ scratch: ScratchArena) -> Bool {
        var text = scratch.text()
        let bytes = sample.bytes
        // As in HAProxy the padded text has to fit with a byte to spare.
        guard (bytes.count + 2) / 3 * 4 < text.capacity else { return false }
        alphabet.encode(bytes, &text)
        text.finish(&sample)
        return true
    }

    private static func decode(_ alphabet: Base64Alphabet, _ sample: inout Sample, _ scratch: ScratchArena) -> Bool {
        var text = scratch.text()
        guard alphabet.decode(sample.bytes, &text), !text.isFull else { return false }
        text.finish(&sample, .bin)
        return true
    }
}
