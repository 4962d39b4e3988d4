internal import Bytes
internal import CNgtcp2

/// Address validation (RFC 9000 section 8.1): Retry packets, and tokens for later connections. Tokens are sealed under the
/// service key, so that any worker and process of the service can judge them; times in them are wall-clock times.
extension QUICEndpoint {
    /// Largest token of a Retry packet, and of NEW_TOKEN: what the library may write.
    private static let maxTokenCount = 128
    /// Smallest connection ID that a client's first packet may be addressed to.
    static let tokenMagicRetry = UInt8(NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY)

    /// Tokens for later connections hold for one version of QUIC (RFC 9369 section 5).
    private func tokenSecret(of version: UInt32) -> [UInt8] {
        version == QUICSettings.Version.v2 ? version2TokenSecret : tokenSecret
    }

    /// What an Initial packet's header and token say.
    func initial(_ header: ngtcp2_pkt_hd, path: QUICPath, wall: UInt64) -> QUICInitial {
        let plain = unsafe QUICInitial(
            header: header, addressValidation: .none, originalDestination: nil, token: [])
        let token = unsafe [UInt8](UnsafeBufferPointer(start: header.token.base, count: min(header.token.len, 512)))
        guard let magic = token.first else { return plain }
        if magic == Self.tokenMagicRetry {
            var original = ngtcp2_cid()
            var dcid = plain.destination.ngtcp2
            let result = unsafe path.remote.withSockaddr { address, length in
                unsafe ngtcp2_crypto_verify_retry_token(
                    &original, token, token.count, tokenSecret, tokenSecret.count, plain.version, address, length,
                    &dcid,
                    configuration.retryTokenLifetime, wall)
            }
            guard result == 0 else {
                return unsafe QUICInitial(
                    header: header, addressValidation: .invalid, originalDestination: nil, token: [])
            }
            return unsafe QUICInitial(
                header: header, addressValidation: .retry, originalDestination: ConnectionID(original), token: token)
        }
        let secret = tokenSecret(of: plain.version)
        let result = unsafe path.remote.withSockaddr { address, length in
            unsafe ngtcp2_crypto_verify_regular_token(
                token, token.count, secret, secret.count, address, length, configuration.tokenLifetime, wall)
        }
        // A token that is not ours, or has expired, proves nothing and does no harm (RFC 9000 section 8.1.3).
        guard result == 0 else { return plain }
        return unsafe QUICInitial(
            header: header, addressValidation: .earlierConnection, originalDestination: nil, token: token)
    }

    /// Answers an Initial packet with Retry: the client has to come back with the token (RFC 9000 section 8.1.2).
    /// Nothing is kept. False when the batch is full.
    public func writeRetry(
        to initial: QUICInitial, path: QUICPath, into batch: inout DatagramBatch, wall: UInt64
    ) -> Bool {
        var scid = makeConnectionID().ngtcp2
        var dcid = initial.source.ngtcp2
        var odcid = initial.destination.ngtcp2
        var token = [UInt8](repeating: 0, count: Self.maxTokenCount)
        let tokenCount = unsafe path.remote.withSockaddr { address, length in
            unsafe ngtcp2_crypto_generate_retry_token(
                &token, tokenSecret, tokenSecret.count, initial.version, address, length, &scid, &odcid, wall)
        }
        guard tokenCount > 0 else { return false }
        return unsafe append(to: &batch, path: path) { target, size in
            if initial.version == QUICSettings.Version.v2 {
                return unsafe Version2Keys.writeRetry(
                    to: target, size, destination: &dcid, source: &scid, original: &odcid, token: token, tokenCount)
            }
            return unsafe ngtcp2_crypto_write_retry(
                target, size, initial.version, &dcid, &scid, &odcid, token, tokenCount)
        }
    }

    /// Refuses an Initial packet with CONNECTION_CLOSE, without making a connection. False when the batch is full.
    ///
    /// - Parameter code: A transport error (RFC 9000 section 20.1): 0x0b INVALID_TOKEN, 0x02 CONNECTION_REFUSED.
    public func writeRefusal(
        of initial: QUICInitial, transportError code: UInt64, path: QUICPath, into batch: inout DatagramBatch
    ) -> Bool {
        var dcid = initial.source.ngtcp2
        var scid = initial.destination.ngtcp2
        return unsafe append(to: &batch, path: path) { target, size in
            if initial.version == QUICSettings.Version.v2 {
                return unsafe Version2Keys.writeClose(
                    to: target, size, destination: &dcid, source: &scid, transportError: code)
            }
            return unsafe ngtcp2_crypto_write_connection_close(
                target, size, initial.version, &dcid, &scid, code, nil, 0)
        }
    }

    private func append(
        to batch: inout DatagramBatch, path: QUICPath, _ write: (UnsafeMutablePointer<UInt8>?, Int) -> Int
    ) -> Bool {
        unsafe withUnsafeTemporaryAllocation(byteCount: QUICSettings.minDatagramSize, alignment: 8) { buffer in
            let count = unsafe write(buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count)
            guard count > 0 else { return false }
            return unsafe batch.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), path: path)
        }
    }

    /// Gives the client of `connection` a token for its next connection (NEW_TOKEN frame). Server only, after the
    /// handshake.
    public func sendToken(on connection: QUICConnection, wall: UInt64) throws(QUICError) {
        guard connection.role == .server, connection.phase == .established, let native = unsafe connection.native,
            let path = connection.path
        else { throw QUICError(.invalidState, place: "send token") }
        var token = [UInt8](repeating: 0, count: Self.maxTokenCount)
        let secret = tokenSecret(of: connection.version)
        let count = unsafe path.remote.withSockaddr { address, length in
            unsafe ngtcp2_crypto_generate_regular_token(
                &token, secret, secret.count, address, length, wall)
        }
        guard count > 0 else { throw QUICError(.cryptography, place: "send token") }
        connection.isWriteDue = true
        let result = unsafe ngtcp2_conn_submit_new_token(native, token, count)
        guard result == 0 else { throw QUICError(ngtcp2: result, place: "send token") }
    }
}
