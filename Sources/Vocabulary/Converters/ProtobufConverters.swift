import Samples
import Words

/// Converters that take fields out of Protocol Buffers messages (configuration.txt section 7.3.1).
enum ProtobufConverters {
    private static let signature = ArgumentSignature([.fieldNumber, .string], required: 1)

    static let all: [Converter] = [
        Converter(
            "protobuf", "A field of a Protocol Buffers message.", example: "req.body,protobuf(48.59,int32)",
            takes: signature, from: .bin, to: .bin,
            prepare: { values, _ throws(Complaint) in try ProtobufQuery(values) }
        ) { _, arguments, sample in
            arguments.object(ProtobufQuery.self).find(in: 0..<sample.byteCount, &sample)
        },
        Converter(
            "ungrpc", "A field of the first gRPC message that has it.", example: "req.body,ungrpc(48.59,int32)",
            takes: signature, from: .bin, to: .bin,
            prepare: { values, _ throws(Complaint) in try ProtobufQuery(values) }
        ) { _, arguments, sample in
            // A message has a flag that it is compressed, and its length in four bytes, before it.
            let query = arguments.object(ProtobufQuery.self)
            let header = 5
            var position = 0
            while sample.byteCount - position > header {
                let length = Int(bigEndian32(sample.bytes, at: position + 1))
                position += header
                guard sample.byteCount - position >= length else { return false }
                if query.find(in: position..<position + length, &sample) { return true }
                position += length
            }
            return false
        },
    ]
}
