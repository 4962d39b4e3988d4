import Samples
import Words

/// Converters that write bytes in chunks, as numbers or hexadecimal, with a separator (configuration.txt section 7.3.1).
enum ChunkConverters {
    static let all: [Converter] = [
        decimal("be2dec", "big-endian"), decimal("le2dec", "little-endian"),
        Converter(
            "be2hex",
            "The bytes in hexadecimal, with a separator between chunks of a size, and only whole ones when the"
                + " third argument is 1.",
            example: "bin(01020304),be2hex(:,2)", takes: ArgumentSignature([.string, .integer, .integer], required: 1),
            from: .bin, to: .str,
            prepare: { values, _ throws(Complaint) in try Chunks(values, largest: nil) }
        ) { evaluation, arguments, sample in
            arguments.object(Chunks.self).writeHexadecimal(&sample, evaluation.scratch)
        },
    ]

    private static func decimal(_ name: String, _ order: String) -> Converter {
        let isBigEndian = name == "be2dec"
        return Converter(
            name,
            "A decimal number for each chunk of \(order) bytes, with a separator between them, and only whole"
                + " chunks when the third argument is 1.",
            example: "bin(01020304),\(name)(:,2)",
            takes: ArgumentSignature([.string, .integer, .integer], required: 1),
            from: .bin, to: .str, prepare: { values, _ throws(Complaint) in try Chunks(values, largest: 8) }
        ) { evaluation, arguments, sample in
            arguments.object(Chunks.self).writeDecimal(&sample, evaluation.scratch, isBigEndian: isBigEndian)
            return true
        }
    }
}

/// How bytes are cut into chunks and written.
private final class Chunks: Sendable {
    private let separator: [UInt8]
    private let size: Int
    private let onlyWhole: Bool

    /// - Parameter largest: most bytes of a chunk; nil: any number, and none needed where nothing is separated.
    init(_ values: [Argument], largest: Int64?) throws(Complaint) {
        if case .string(let text) = values.first { separator = text } else { separator = [] }
        func integer(_ index: Int) -> Int64 {
            if index < values.count, case .integer(let number) = values[index] { number } else { 0 }
        }
        let size = integer(1)
        let truncate = integer(2)
        if let largest {
            guard (1...largest).contains(size) else {
                throw Complaint("chunk_size out of [1..\(largest)] range (\(size))")
            }
        } else if size <= 0, !separator.isEmpty || truncate != 0 {
            throw Complaint("chunk_size needs to be positive (\(size))")
        }
        guard truncate == 0 || truncate == 1 else { throw Complaint("Unsupported truncate value (\(truncate))") }
        self.size = Int(size)
        onlyWhole = truncate == 1
    }

    func writeDecimal(_ sample: inout Sample, _ scratch: ScratchArena, isBigEndian: Bool) {
        let separator = separator
        var text = scratch.text()
        let bytes = sample.bytes
        let last = onlyWhole ? bytes.count - size + 1 : bytes.count
        var most = text.capacity - 2
        var index = 0
        while index < last, text.count <= most {
            let start = text.count
            if index > 0 { text.append(separator.span) } else { most -= separator.count }
            var number: UInt64 = 0
            for place in 0..<min(size, bytes.count - index) {
                let byte = UInt64(bytes[index + place])
                number = isBigEndian ? number << 8 | byte : number | Self.shifted(byte, place)
            }
            index += size
            append(number, &text)
            if text.isFull {
                text.truncate(to: start)
                break
            }
        }
        text.finish(&sample)
    }

    /// A byte at its place in a little-endian number.
    private static func shifted(_ byte: UInt64, _ place: Int) -> UInt64 { byte << UInt64(8 * place) }

    private func append(_ number: UInt64, _ text: inout ScratchText) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var left = number
        var count = 0
        repeat {
            digits[count] = UInt8(truncatingIfNeeded: left % 10) + 0x30
            left /= 10
            count += 1
        } while left > 0
        while count > 0 {
            count -= 1
            text.append(digits[count])
        }
    }

    /// False when a single chunk finds no room.
    func writeHexadecimal(_ sample: inout Sample, _ scratch: ScratchArena) -> Bool {
        let separator = separator
        var text = scratch.text()
        let bytes = sample.bytes
        let size = separator.isEmpty && !onlyWhole ? bytes.count : self.size
        guard size <= text.capacity, 2 * size + separator.count <= text.capacity else { return false }
        let last = onlyWhole ? bytes.count - size + 1 : bytes.count
        var most = text.capacity - 2 * size
        var index = 0
        while index < last, text.count <= most {
            if index > 0 { text.append(separator.span) } else { most -= separator.count }
            for place in index..<min(index + size, bytes.count) { text.append(hexadecimal: bytes[place]) }
            index += size
        }
        text.finish(&sample)
        return true
    }
}
