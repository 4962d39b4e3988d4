/// How a JSON Web Token is signed (RFC 7518 section 3.1).
enum SignatureAlgorithm: String {
    case none = "none"
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"

    enum Family { case none, secret, rsa, rsaPSS, ellipticCurve }

    var family: Family {
        switch self {
        case .none: .none
        case .hs256, .hs384, .hs512: .secret
        case .rs256, .rs384, .rs512: .rsa
        case .es256, .es384, .es512: .ellipticCurve
        case .ps256, .ps384, .ps512: .rsaPSS
        }
    }

    var digest: MessageDigest {
        switch self {
        case .none, .hs256, .rs256, .es256, .ps256: .sha256
        case .hs384, .rs384, .es384, .ps384: .sha384
        case .hs512, .rs512, .es512, .ps512: .sha512
        }
    }
}
