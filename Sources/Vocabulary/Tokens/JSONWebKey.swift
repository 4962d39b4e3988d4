import Messages
import Samples
import Words

/// Members of a JSON object that are texts.
enum JSONObject {
    /// The bytes of a text; nil when there is none at the path.
    static func value(_ path: StaticString, in json: Span<UInt8>) -> [UInt8]? {
        guard let match = JSONQuery.find(Span(path), in: json), match.kind == .string else { return nil }
        return JSONQuery.unescaped(json.extracting(match.range.lowerBound + 1..<match.range.upperBound - 1))
    }

    /// The text at a path; nil when there is none.
    static func text(_ path: StaticString, in json: Span<UInt8>) -> String? {
        value(path, in: json).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What the text at a path spells in base64 for URLs; nil when there is none, or it is not.
    static func bytes(_ path: StaticString, in json: Span<UInt8>) -> [UInt8]? {
        value(path, in: json).flatMap { Base64Alphabet.url.bytes($0.span) }
    }
}

/// Reads JSON Web Keys (RFC 7517).
enum JSONWebKey {
    /// A symmetric or a private key; nil when it is none of those, or not whole.
    static func read(_ json: Span<UInt8>) -> TokenKey? {
        switch JSONObject.text("$.kty", in: json) {
        case "oct": JSONObject.bytes("$.k", in: json).map(TokenKey.secret)
        case "RSA": rsa(json).map(TokenKey.privateKey)
        case "EC": ellipticCurve(json).map(TokenKey.privateKey)
        default: nil
        }
    }

    /// Says what is wrong with a key of the configuration.
    static func check(_ json: Span<UInt8>) throws(Complaint) {
        switch JSONObject.text("$.kty", in: json) {
        case nil: throw Complaint("Missing key type (expected 'oct', 'RSA' or 'EC')")
        case "oct": if JSONObject.value("$.k", in: json) == nil { throw Complaint("Missing 'k' field in JWK") }
        case "RSA": if rsa(json) == nil { throw Complaint("Failed to parse RSA JWK") }
        case "EC": if ellipticCurve(json) == nil { throw Complaint("Failed to parse EC JWK") }
        default: throw Complaint("Unmanaged key type (expected 'oct', 'RSA' or 'EC')")
        }
    }

    private static func rsa(_ json: Span<UInt8>) -> AsymmetricKey? {
        guard let n = JSONObject.bytes("$.n", in: json), let e = JSONObject.bytes("$.e", in: json),
            let d = JSONObject.bytes("$.d", in: json), let p = JSONObject.bytes("$.p", in: json),
            let q = JSONObject.bytes("$.q", in: json), let dp = JSONObject.bytes("$.dp", in: json),
            let dq = JSONObject.bytes("$.dq", in: json), let qi = JSONObject.bytes("$.qi", in: json)
        else { return nil }
        return .rsa(n: n, e: e, d: d, p: p, q: q, dp: dp, dq: dq, qi: qi)
    }

    /// A public key, or a private one when it has `d`.
    static func ellipticCurve(_ json: Span<UInt8>) -> AsymmetricKey? {
        guard let curve = JSONObject.text("$.crv", in: json), let x = JSONObject.bytes("$.x", in: json),
            let y = JSONObject.bytes("$.y", in: json)
        else { return nil }
        return .ellipticCurve(curve, x: x, y: y, d: JSONObject.bytes("$.d", in: json))
    }
}
