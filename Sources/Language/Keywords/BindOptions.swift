import Configuration
import Samples
import Words

/// What a `bind` line may have behind its addresses.
enum BindOptions {
    static let table = LineOptionTable<BindDraft>(
        sockets + BindSocketOptions.all + tls + quic + settings + clients, refused: RefusedKeywords.bind)

    private static let settings: [LineOption<BindDraft>] =
        TLSOptions.lift(TLSOptions.shared + TLSOptions.listeners + TLSOptions.lists + TLSOptions.curves, to: \.tls)
    private static let clients: [LineOption<BindDraft>] =
        TLSOptions.lift(ClientCertificateOptions.all + ClientCertificateOptions.ofLine, to: \.clients)

    private static let sockets: [LineOption<BindDraft>] =
        [
            LineOption("accept-proxy") { (bind, _, _) in bind.acceptsProxyHeader = true },
            LineOption("accept-netscaler-cip") { (bind, statement, option) throws(Complaint) in
                let word = try statement.value(of: option, "a magic number")
                guard let magic = number(word.text), magic > 0 else {
                    throw Complaint("'accept-netscaler-cip' : invalid magic number '\(word.text)'", at: word)
                }
                bind.addressMagic = magic
            },
            LineOption("proto") { (bind, statement, option) throws(Complaint) in
                let word = try statement.value(of: option, "a protocol: h1, h2, quic or none")
                guard let name = ForcedProtocol(rawValue: word.text) else {
                    throw Complaint("'proto' : unknown MUX protocol '\(word.text)'", at: word)
                }
                bind.forcedProtocol = name
            },
            LineOption("name") { (bind, statement, option) throws(Complaint) in
                bind.name = try statement.value(of: option, "a name").text
            },
            LineOption("guid-prefix") { (bind, statement, option) throws(Complaint) in
                bind.guidPrefix = try statement.value(of: option, "a prefix").text
            },
            LineOption("maxconn") { (bind, statement, option) throws(Complaint) in
                let count = try statement.integer(of: option)
                bind.maxconn = count == 0 ? nil : count
            },
            LineOption("idle-ping") { (bind, statement, option) throws(Complaint) in
                // Clients' connections are not asked.
                guard bind.isReversed else {
                    throw Complaint("'\(statement.name)' : \(refusal(of: option.text))", at: option)
                }
                let time = try statement.time(of: option)
                bind.idlePing = time == 0 ? nil : time
            },
            LineOption("nbconn") { (bind, statement, option) throws(Complaint) in
                let title = "'\(statement.name)' : 'nbconn'"
                guard statement.context.allowsExperiments else {
                    throw Complaint(
                        "'\(statement.name)' : 'nbconn' keyword is experimental, must be allowed via a global"
                            + " 'expose-experimental-directives'", at: option)
                }
                guard bind.isReversed else {
                    throw Complaint("\(title) : only valid for reverse HTTP listeners.", at: option)
                }
                guard let word = statement.next() else { throw Complaint("\(title) : missing value.", at: option) }
                guard let count = Int(word.text), (1...65_535).contains(count) else {
                    throw Complaint("\(title) : invalid value \(word.text), must be > 0.", at: word)
                }
                bind.connections = count
            },
            LineOption("backlog") { (bind, statement, option) throws(Complaint) in
                let count = try statement.integer(of: option)
                bind.backlog = count == 0 ? nil : count
            },
            LineOption("tfo") { (bind, _, _) in bind.fastOpen = true },
            LineOption("v4v6") { (bind, _, _) in bind.isIPv6Only = bind.isIPv6Only == true },
            LineOption("v6only") { (bind, _, _) in bind.isIPv6Only = true },
        ]
        + permissions(\.permissions)

    /// A number in decimal, or in hexadecimal behind `0x`.
    private static func number(_ text: String) -> UInt32? {
        text.lowercased().hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
    }

    private static let tls: [LineOption<BindDraft>] = [
        LineOption("ssl") { (bind, _, _) in bind.usesTLS = true },
        LineOption("crt") { (bind, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a certificate location")
            bind.certificates.append(CertificateSource(path: path(word.text, below: bind.certificateBase)))
        },
        LineOption("default-crt") { (bind, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a certificate location")
            bind.certificates.append(
                CertificateSource(path: path(word.text, below: bind.certificateBase), isDefault: true))
        },
        LineOption("crt-list") { (bind, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a certificate location")
            let bytes: [UInt8]
            do throws(SystemError) { bytes = try bind.system.read(word.text) } catch {
                throw Complaint(
                    "'\(statement.name)' : 'crt-list' : cannot open file '\(word.text)' : \(error.reason)", at: word)
            }
            do throws(CertificateListReader.Mistake) {
                let lines = try CertificateListReader.lines(
                    bytes, of: word.text, certificateBase: bind.certificateBase,
                    authorityBase: bind.clients.authorityBase)
                bind.certificates.append(CertificateSource(path: word.text, lines: lines))
            } catch {
                throw Complaint("'\(statement.name)' : 'crt-list' : \(error.text)", at: word)
            }
        },
        LineOption("alpn") { (bind, statement, option) throws(Complaint) in
            bind.alpnMark = statement.mark(statement.peek)
            bind.alpn = try statement.alpn(of: option)
        },
        LineOption("no-alpn") { (bind, statement, option) in
            bind.alpnMark = statement.mark(option)
            bind.alpn = []
        },
    ]

    private static let quic: [LineOption<BindDraft>] = [
        LineOption("quic-force-retry") { (bind, _, _) in bind.quic.forcesRetry = true },
        // A listener over TCP takes no early data: its tickets allow none, and clients send none.
        LineOption("allow-0rtt") { (bind, _, _) in bind.quic.takesEarlyData = true },
        LineOption("quic-cc-algo") { (bind, statement, option) throws(Complaint) in
            let word = try statement.value(of: option, "a congestion control algorithm")
            bind.quic.congestionControl = try CongestionArgument.read(word, &statement)
        },
    ]

    /// Owner and permissions of a Unix socket, of anything that has them: `unix-bind` takes them too.
    static func permissions<Owner>(
        _ path: any WritableKeyPath<Owner, SocketPermissions> & Sendable
    ) -> [LineOption<Owner>] {
        [
            LineOption("mode") { (owner, statement, option) throws(Complaint) in
                let word = try statement.value(of: option, "an octal mode")
                guard let mode = UInt32(word.text, radix: 8), mode <= 0o7777 else {
                    throw Complaint(
                        "'\(statement.name)' : 'mode' expects an octal mode, got '\(word.text)'", at: word)
                }
                owner[keyPath: path].mode = mode
            },
            LineOption("user") { (owner, statement, option) throws(Complaint) in
                owner[keyPath: path].user = .name(try statement.value(of: option, "a user name").text)
            },
            LineOption("uid") { (owner, statement, option) throws(Complaint) in
                owner[keyPath: path].user = .id(UInt32(try statement.integer(of: option)))
            },
            LineOption("group") { (owner, statement, option) throws(Complaint) in
                owner[keyPath: path].group = .name(try statement.value(of: option, "a group name").text)
            },
            LineOption("gid") { (owner, statement, option) throws(Complaint) in
                owner[keyPath: path].group = .id(UInt32(try statement.integer(of: option)))
            },
        ]
    }
}
