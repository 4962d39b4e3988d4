import COpenSSL

/// What OpenSSL prints into memory.
public enum PrintedText {
    /// The bytes that `print` writes; nil when it fails or there is no memory.
    @unsafe public static func bytes(_ print: (OpaquePointer) -> Bool) -> [UInt8]? {
        guard let out = unsafe BIO_new(BIO_s_mem()) else { return nil }
        defer { unsafe BIO_free(out) }
        guard unsafe print(out) else { return nil }
        var text: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe BIO_read(out, &block, Int32(block.count))
            guard count > 0 else { return text }
            text += block.prefix(Int(count))
        }
    }
}
