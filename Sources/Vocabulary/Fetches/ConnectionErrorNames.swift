/// The errors that end connections, by HAProxy's numbers: those that can come up here.
struct ConnectionErrorNames {
    let code: Int
    let name: StaticString
    let text: StaticString

    /// The error with a number; nil for numbers that stand for nothing here.
    static func find(_ code: Int) -> ConnectionErrorNames? { all.first { $0.code == code } }

    private init(_ code: Int, _ name: StaticString, _ text: StaticString) {
        self.code = code
        self.name = name
        self.text = text
    }

    private static let all = [
        ConnectionErrorNames(0, "", "Success"),
        ConnectionErrorNames(6, "SOCK_ERR", "General socket error"),
        ConnectionErrorNames(11, "PRX_EMPTY", "Connection closed while waiting for PROXY protocol header"),
        ConnectionErrorNames(13, "PRX_TIMEOUT", "Timeout while waiting for PROXY protocol header"),
        ConnectionErrorNames(14, "PRX_TRUNCATED", "Truncated PROXY protocol header received"),
        ConnectionErrorNames(
            15, "PRX_NOT_HDR", "Received something which does not look like a PROXY protocol header"),
        ConnectionErrorNames(16, "PRX_BAD_HDR", "Received an invalid PROXY protocol header"),
        ConnectionErrorNames(24, "SSL_EMPTY", "Connection closed during SSL handshake"),
        ConnectionErrorNames(26, "SSL_TIMEOUT", "Timeout during SSL handshake"),
        ConnectionErrorNames(30, "SSL_CA_FAIL", "SSL client CA chain cannot be verified"),
        ConnectionErrorNames(31, "SSL_CRT_FAIL", "SSL client certificate not trusted"),
        ConnectionErrorNames(34, "SSL_HANDSHAKE", "SSL handshake failure"),
    ]
}
