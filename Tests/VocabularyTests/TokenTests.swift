import Foundation
import Samples
import TestSupport
import Testing
import Words

/// JSON Web Tokens that another implementation made, with keys of this run.
@Suite(.serialized) struct TokenTests {
    /// A token of `Tests/Tables/tokens.py`.
    struct Token: Decodable, Sendable {
        let kind: String
        let algorithm: String
        let token: String
        /// Signed: a secret, or the file of a public key.
        let key: String?
        /// The file of a certificate with its private key.
        let certificate: String?
        /// Encrypted: the secret in base64, if there is one.
        let secret: String?
        let jwk: String?
    }

    private static let made = Task { () -> [Token] in
        let folder = FileManager.default.temporaryDirectory.appending(path: "portico-tokens-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let result = try await ChildProcess.run(
            Repository.path(".build/peers/bin/python"), [Repository.path("Tests/Tables/tokens.py"), folder.path()])
        guard result.status == 0 else {
            throw SupportError.failed(command: "tokens.py", status: result.status, output: result.errors)
        }
        return try JSONDecoder().decode([Token].self, from: Data(result.output.utf8))
    }

    private func tokens(_ kind: String) async throws -> [Token] {
        try await Self.made.value.filter { $0.kind == kind }
    }

    private func value(_ converters: String, _ token: String) throws -> String? {
        let bench = ConverterBench(Array(token.utf8))
        bench.context.readFile = { path throws(Complaint) in
            guard let data = FileManager.default.contents(atPath: path) else { throw Complaint("no such file") }
            return Array(data)
        }
        return try bench.result(converters).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// The token with one character changed, in part `part` from the end.
    private func changed(_ token: String, part: Int) -> String {
        var parts = token.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) }
        let index = parts.count - 1 - part
        guard parts[index].count > 4 else { return token }
        let place = parts[index].count / 2
        parts[index][place] = parts[index][place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        return parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }

    @Test func signaturesAreVerified() async throws {
        let tokens = try await tokens("signed")
        #expect(tokens.count == 12)
        for token in tokens {
            let key = try #require(token.key)
            let verify = "jwt_verify(\(token.algorithm),'\(key)')"
            #expect(try value(verify, token.token) == "1", "\(token.algorithm)")
            #expect(try value(verify, changed(token.token, part: 0)) == "0", "\(token.algorithm), signature changed")
            #expect(try value(verify, changed(token.token, part: 1)) == "0", "\(token.algorithm), claims changed")
            #expect(try value(verify, token.token + ".x") == "-3")
            #expect(try value(verify, token.token.split(separator: ".").dropLast().joined(separator: ".")) == "-3")
            #expect(
                try value(verify, token.token.split(separator: ".").dropLast().joined(separator: ".") + ".") == "-3")
            #expect(try value("jwt_header_query('$.alg')", token.token) == token.algorithm)
            #expect(try value("jwt_payload_query('$.n',int)", token.token) == "42")
            #expect(try value("jwt_payload_query", token.token) == "{\"sub\":\"someone\",\"n\":42}")
            guard let certificate = token.certificate else { continue }
            #expect(try value("jwt_verify_cert(\(token.algorithm),'\(certificate)')", token.token) == "1")
        }
    }

    /// The verdicts are those of HAProxy 3.5-dev5.
    @Test func verdicts() throws {
        #expect(try value("jwt_verify(HS256,x)", "e30.e30.!!!!") == "-3")
        #expect(try value("jwt_verify(HS256,x)", "e30.e30.AAAA") == "0")
        #expect(try value("jwt_verify_cert(RS256,/nonexistent)", "x") == "-3")
        #expect(try value("jwt_verify_cert(RS256,/nonexistent)", "e30.e30.AAAA") == "-5")
    }

    @Test func contentsAreDecrypted() async throws {
        let tokens = try await tokens("encrypted")
        #expect(tokens.count == 82)
        let content = "the content of the token"
        for token in tokens {
            let jwk = try #require(token.jwk)
            let converters = "jwt_decrypt_jwk('\(jwk)')"
            #expect(try value(converters, token.token) == content, "\(token.algorithm)")
            for part in 0..<3 {
                #expect(try value(converters, changed(token.token, part: part)) == nil, "\(token.algorithm) \(part)")
            }
            if let secret = token.secret {
                #expect(try value("jwt_decrypt_secret(\(secret))", token.token) == content, "\(token.algorithm)")
                #expect(try value("jwt_decrypt_secret(AAAA)", token.token) == nil, "\(token.algorithm)")
            } else {
                #expect(try value("jwt_decrypt_secret(AAAA)", token.token) == nil, "\(token.algorithm)")
            }
        }
    }

    /// The keys and the key that follows from them are those of RFC 7518 appendix C; the corpus of fuzzing has a token
    /// that was encrypted with it.
    @Test func keysAgreeAsInTheRFC() throws {
        let path = Repository.path("Fuzz/Corpus/jwt/ecdh-es")
        let token = try String(contentsOfFile: path, encoding: .utf8)
        let key =
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","
            + "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\",\"d\":\"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw\"}"
        #expect(try value("jwt_decrypt_jwk('\(key)')", token) == "content")
    }

    /// `jwt_decrypt_cert` finds the certificates that `jwt_verify_cert` has named.
    @Test func contentsAreDecryptedByCertificates() async throws {
        let tokens = try await tokens("encrypted").filter { $0.certificate != nil }
        #expect(tokens.count > 30)
        for token in tokens {
            let bench = ConverterBench(Array(token.token.utf8))
            bench.context.readFile = { path throws(Complaint) in
                guard let data = FileManager.default.contents(atPath: path) else { throw Complaint("no such file") }
                return Array(data)
            }
            let certificate = try #require(token.certificate)
            _ = try bench.result("jwt_verify_cert(RS256,'\(certificate)')")
            let found = try bench.result("jwt_decrypt_cert('\(certificate)')")
            #expect(found?.bytes == Array("the content of the token".utf8), "\(token.algorithm)")
        }
    }

    @Test(arguments: [
        ("jwt_verify(XX256,y)", "unknown JWT algorithm: XX256"), ("jwt_verify(,y)", "unknown JWT algorithm: "),
        ("jwt_verify_cert(HS256,y)", "HMAC-signed tokens can't be processed by this converter"),
        ("jwt_header_query('$.a',x)", "output_type only supports \"int\" as argument"),
        (
            "jwt_decrypt_secret(zzz)",
            "failed to parse secret: argument needs to be base64 encoded, and can either be a string or a variable"
        ), ("jwt_decrypt_cert(zzz)", "unknown certificate zzz"),
        ("jwt_decrypt_jwk(zzz)", "Missing key type (expected 'oct', 'RSA' or 'EC')"),
        ("jwt_decrypt_jwk('{\"kty\":\"oct\"}')", "Missing 'k' field in JWK"),
        ("jwt_decrypt_jwk('{\"kty\":\"RSA\"}')", "Failed to parse RSA JWK"),
        ("jwt_decrypt_jwk('{\"kty\":\"EC\"}')", "Failed to parse EC JWK"),
        ("jwt_decrypt_jwk('{\"kty\":\"OKP\"}')", "Unmanaged key type (expected 'oct', 'RSA' or 'EC')"),
    ])
    func refusedArguments(_ converters: String, _ message: String) {
        let name = converters.prefix { $0 != "(" }
        #expect(ConverterBench([]).complaint(converters) == "invalid args in converter '\(name)' : \(message)")
    }

    @Test func aPublicKeyMustBeReadable() {
        let complaint = ConverterBench([]).complaint("jwt_verify(RS256,/nonexistent)")
        #expect(complaint?.hasPrefix("invalid args in converter 'jwt_verify' : cannot read the public key") == true)
    }
}
