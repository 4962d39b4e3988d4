internal import CNgtcp2

extension Version2Keys {
    /// Least bytes behind the place of the packet number: that number and the payload, four at least (RFC 9001 section
    /// 5.4.2), and the tag.
    private static let minProtectedCount = 20

    /// Whether a client's first packet arrived as it was sent. Nobody but a bystander can forge one that does not, and
    /// what a damaged one says deserves no answer (RFC 9000 section 8.1.3: a wrong token is told only to the sender of a
    /// packet that is otherwise valid).
    ///
    /// - Parameters:
    ///   - datagram: What begins with the packet, as the library sees it (``DatagramTranslator``).
    ///   - initial: What the packet's header says.
    static func isAuthentic(_ datagram: UnsafeRawBufferPointer, _ initial: QUICInitial) -> Bool {
        var header = unsafe ngtcp2_pkt_hd()
        let read = unsafe ngtcp2_pkt_decode_hd_long(
            &header, datagram.baseAddress?.assumingMemoryBound(to: UInt8.self), datagram.count)
        let place = Int(read)
        guard read > 0, let count = unsafe Int(exactly: header.len), count >= minProtectedCount,
            count <= datagram.count - place
        else { return false }
        var packet = unsafe Array(datagram[..<(place + count)])
        for index in 0..<4 {
            packet[1 + index] = UInt8(truncatingIfNeeded: initial.version >> UInt32(24 - 8 * index))
        }
        guard let keys = Self.initial(destination: initial.destination.array, version: initial.version)?.client,
            var contexts = Contexts(keys, encrypts: false)
        else { return false }
        defer { contexts.free() }
        return opens(packet, numberAt: place, keys, &contexts)
    }

    /// Removes header protection and opens the packet (RFC 9001 sections 5.3 and 5.4). Its number is whole in its header,
    /// as long as the client knows of none that we took.
    private static func opens(
        _ protected: [UInt8], numberAt place: Int, _ keys: Keys, _ contexts: inout Contexts
    ) -> Bool {
        var packet = protected
        var cipher = unsafe headerCipher
        let sample = Array(packet[(place + 4)..<(place + 20)])
        var mask = [UInt8](repeating: 0, count: 16)
        guard unsafe ngtcp2_crypto_hp_mask(&mask, &cipher, &contexts.hp, sample) == 0 else { return false }
        packet[0] ^= mask[0] & 0x0f
        let numberCount = Int(packet[0] & 3) + 1
        var nonce = keys.iv
        for index in 0..<numberCount {
            packet[place + index] ^= mask[1 + index]
            nonce[nonce.count - numberCount + index] ^= packet[place + index]
        }
        let head = Array(packet[..<(place + numberCount)])
        let sealed = Array(packet[(place + numberCount)...])
        var opened = [UInt8](repeating: 0, count: sealed.count)
        var algorithm = unsafe aes128GCM
        return unsafe ngtcp2_crypto_decrypt(
            &opened, &algorithm, &contexts.aead, sealed, sealed.count, nonce, nonce.count, head, head.count) == 0
    }
}
