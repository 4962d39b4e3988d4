import Bytes
import QUICTransport
import TLSTransport
import TestSupport
import Testing

/// QUIC version 2 (RFC 9369) and the choice between versions (RFC 9368).
@Suite("QUIC versions")
struct VersionTests {
    static let v1 = QUICSettings.Version.v1
    static let v2 = QUICSettings.Version.v2

    /// The bytes of hexadecimal digits.
    static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue })
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    static func configuration(_ versions: [UInt32], ownPreference: Bool = false) -> QUICEndpoint.Configuration {
        var configuration = QUICEndpoint.Configuration()
        configuration.versions = versions
        configuration.prefersOwnVersions = ownPreference
        return configuration
    }

    /// The numbers of the versions in a datagram's headers.
    static func versions(in datagram: [UInt8]) -> [UInt32] {
        var result: [UInt32] = []
        unsafe VersionTranslation.forEachVersion(in: datagram.span.bytes) { place in
            result.append(datagram[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) })
        }
        return result
    }

    // MARK: RFC 9369 appendix A

    @Test("The keys of Initial packets are those of RFC 9369 appendix A.1")
    func initialKeys() throws {
        let keys = try #require(Version2Keys.initial(destination: Self.bytes("8394c8f03e515708")))
        #expect(keys.client.key == Self.bytes("8b1a0bc121284290a29e0971b5cd045d"))
        #expect(keys.client.iv == Self.bytes("91f73e2351d8fa91660e909f"))
        #expect(keys.client.hp == Self.bytes("45b95e15235d6f45a6b19cbcb0294ba9"))
        #expect(keys.server.key == Self.bytes("82db637861d55e1d011f19ea71d5d2a7"))
        #expect(keys.server.iv == Self.bytes("dd13c276499c0249d3310652"))
        #expect(keys.server.hp == Self.bytes("edf6d05c83121201b436e16877593c3a"))
    }

    @Test("The tag of a Retry packet is that of RFC 9369 appendix A.4")
    func retryTag() {
        let pseudo = Self.bytes("088394c8f03e515708" + "cf6b3343cf0008f067a5502a4262b5746f6b656e")
        #expect(Version2Keys.retryTag(of: pseudo) == Self.bytes("c8646ce8bfe33952d955543665dcc7b6"))
    }

    @Test("A server opens the client's first packet of RFC 9369 appendix A.2, and answers in version 2")
    func firstPacket() throws {
        let packet = Self.bytes(Self.clientInitial)
        try #require(packet.count == 1200)
        let endpoint = QUICEndpoint(
            configuration: Self.configuration([Self.v1, Self.v2]), key: Simulation.key, random: QUICRandom(seed: 1))
        var batch = DatagramBatch(capacity: 8192, runs: 8)
        let path = QUICPath(local: Simulation.serverAddress, remote: Simulation.clientAddress)
        let now = Instant(nanoseconds: 1_000_000_000)
        let connection: QUICConnection? = try unsafe packet.withUnsafeBytes { bytes in
            guard case .initial(let initial) = unsafe endpoint.route(bytes, path: path, into: &batch, now: now, wall: 1)
            else { return nil }
            #expect(initial.version == Self.v2 && initial.destination.description == "8394c8f03e515708")
            let made = try endpoint.accept(
                initial, path: path, tls: TestTLS.server(alpn: "alpn").makeServerSession(ticketVersion: nil),
                settings: QUICSettings(), now: now)
            unsafe made.receive(bytes, path: path, ecn: 0, now: now)
            return made
        }
        let server = try #require(connection)
        _ = server.writeDatagrams(into: &batch, now: now)
        // Its initial_source_connection_id is not the empty one of its header: TRANSPORT_PARAMETER_ERROR. Who can not
        // open the packet says nothing.
        #expect(server.closeReason?.initiator == .local && server.closeReason?.code == 0x08)
        #expect(Self.versions(in: unsafe Array(batch.bytes(of: batch[0]))) == [Self.v2])
    }

    private static let clientInitial = """
        d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e75d6c96058bdb
        fb127cdfcbf903388e99ad049f9a3dd4425ae4d0992cfff18ecf0fdb5a842d09747052f17ac2053d21f57c5d250f2c4f0e0202b7
        0785b7946e992e58a59ac52dea6774d4f03b55545243cf1a12834e3f249a78d395e0d18f4d766004f1a2674802a747eaa901c3f1
        0cda5500cb9122faa9f1df66c392079a1b40f0de1c6054196a11cbea40afb6ef5253cd6818f6625efce3b6def6ba7e4b37a40f77
        32e093daa7d52190935b8da58976ff3312ae50b187c1433c0f028edcc4c2838b6a9bfc226ca4b4530e7a4ccee1bfa2a3d396ae5a
        3fb512384b2fdd851f784a65e03f2c4fbe11a53c7777c023462239dd6f7521a3f6c7d5dd3ec9b3f233773d4b46d23cc375eb198c
        63301c21801f6520bcfb7966fc49b393f0061d974a2706df8c4a9449f11d7f3d2dcbb90c6b877045636e7c0c0fe4eb0f69754546
        0c806910d2c355f1d253bc9d2452aaa549e27a1fac7cf4ed77f322e8fa894b6a83810a34b361901751a6f5eb65a0326e07de7c12
        16ccce2d0193f958bb3850a833f7ae432b65bc5a53975c155aa4bcb4f7b2c4e54df16efaf6ddea94e2c50b4cd1dfe06017e0e9d0
        2900cffe1935e0491d77ffb4fdf85290fdd893d577b1131a610ef6a5c32b2ee0293617a37cbb08b847741c3b8017c25ca9052ca1
        079d8b78aebd47876d330a30f6a8c6d61dd1ab5589329de714d19d61370f8149748c72f132f0fc99f34d766c6938597040d8f9e2
        bb522ff99c63a344d6a2ae8aa8e51b7b90a4a806105fcbca31506c446151adfeceb51b91abfe43960977c87471cf9ad4074d30e1
        0d6a7f03c63bd5d4317f68ff325ba3bd80bf4dc8b52a0ba031758022eb025cdd770b44d6d6cf0670f4e990b22347a7db848265e3
        e5eb72dfe8299ad7481a408322cac55786e52f633b2fb6b614eaed18d703dd84045a274ae8bfa73379661388d6991fe39b0d93de
        bb41700b41f90a15c4d526250235ddcd6776fc77bc97e7a417ebcb31600d01e57f32162a8560cacc7e27a096d37a1a86952ec71b
        d89a3e9a30a2a26162984d7740f81193e8238e61f6b5b984d4d3dfa033c1bb7e4f0037febf406d91c0dccf32acf423cfa1e70710
        10d3f270121b493ce85054ef58bada42310138fe081adb04e2bd901f2f13458b3d6758158197107c14ebb193230cd1157380aa79
        cae1374a7c1e5bbcb80ee23e06ebfde206bfb0fcbc0edc4ebec309661bdd908d532eb0c6adc38b7ca7331dce8dfce39ab71e7c32
        d318d136b6100671a1ae6a6600e3899f31f0eed19e3417d134b90c9058f8632c798d4490da4987307cba922d61c39805d072b589
        bd52fdf1e86215c2d54e6670e07383a27bbffb5addf47d66aa85a0c6f9f32e59d85a44dd5d3b22dc2be80919b490437ae4f36a0a
        e55edf1d0b5cb4e9a3ecabee93dfc6e38d209d0fa6536d27a5d6fbb17641cde27525d61093f1b28072d111b2b4ae5f89d5974ee1
        2e5cf7d5da4d6a31123041f33e61407e76cffcdcfd7e19ba58cf4b536f4c4938ae79324dc402894b44faf8afbab35282ab659d13
        c93f70412e85cb199a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a
        9f84cbfc
        """

    // MARK: Headers and parameters

    @Test("Each version number of a datagram is found, and none beyond what can be read")
    func walk() {
        let ids = "080102030405060708" + "00"
        let initial = "d06b3343cf" + ids + "00" + "4004" + "aabbccdd"
        let handshake = "f06b3343cf" + ids + "02" + "aabb"
        let first = "c000000001" + ids + "03746f6b" + "02" + "aabb"
        let zero = "d000000001" + ids + "01" + "aa"
        let short = "40" + "6b3343cf6b3343cf"
        let retry = "c06b3343cf" + ids + "6b3343cf6b3343cf"
        let cases: [(String, [UInt32])] = [
            ("", []), (short, []), (initial, [Self.v2]), (initial + handshake + short, [Self.v2, Self.v2]),
            (first + zero + handshake, [Self.v1, Self.v1, Self.v2]), (retry + initial, [Self.v2]),
            // Version Negotiation: the zero, then the list.
            ("80" + "00000000" + ids + "00000001" + "6b3343cf" + "ffff", [0, Self.v1, Self.v2]),
            // Behind a version that we do not know nothing can be found.
            ("c0ff00001d" + ids + "00" + "02" + "aabb" + initial, [0xff00_001d]),
            // A length, a token's length, a connection ID's length that is too large.
            ("f06b3343cf" + ids + "03" + "aabb", [Self.v2]), ("d06b3343cf" + ids + "0a" + "02" + "aabb", [Self.v2]),
            ("f06b3343cf" + "ff" + "0102", [Self.v2]), ("f06b3343cf" + ids + "ffffffffffffffff", [Self.v2]),
            ("f06b3343", []),
        ]
        for (hex, expected) in cases {
            #expect(Self.versions(in: Self.bytes(hex)) == expected, "\(hex)")
        }
        // Wherever it is cut, nothing is read that is not there.
        let whole = Self.bytes(initial + first + handshake)
        for count in 0...whole.count {
            let found = Self.versions(in: Array(whole.prefix(count)))
            #expect([Self.v2, Self.v1, Self.v2].starts(with: found))
        }
    }

    @Test("version_information changes its codepoint and its versions, and nothing else changes")
    func parameters() {
        let other = "0104" + "80007530" + "0f00"
        let rfc = "110c" + "00000001" + "6b3343cf" + "00000001"
        let library = "80ff73db0c" + "00000001" + "709a50c4" + "00000001"
        func incoming(_ hex: String, choosing: [UInt32]? = nil) -> [UInt8]? {
            unsafe VersionInformation.incoming(
                Self.bytes(hex).span.bytes, isClients: choosing != nil, choosing: choosing)
        }
        func outgoing(_ hex: String) -> [UInt8]? { unsafe VersionInformation.outgoing(Self.bytes(hex).span.bytes) }

        #expect(incoming(other + rfc + other) == Self.bytes(other + library + other))
        #expect(outgoing(other + library + other) == Self.bytes(other + rfc + other))
        #expect(incoming("") == [] && outgoing("") == [])
        // The draft's own parameter is nobody's, nor does its number stand for version 2.
        #expect(incoming(other + library) == Self.bytes(other))
        #expect(incoming("1108" + "00000001" + "709a50c4") == Self.bytes("80ff73db08" + "00000001" + "6b3343cf"))
        // A server's library sees the version that the client prefers of those it may choose.
        let both = [Self.v1, Self.v2]
        #expect(
            incoming("1110" + "00000001" + "0a1a2a3a" + "6b3343cf" + "00000001", choosing: both)
                == Self.bytes("80ff73db08" + "00000001" + "709a50c4"))
        #expect(
            incoming("110c" + "00000001" + "00000001" + "6b3343cf", choosing: both)
                == Self.bytes("80ff73db08" + "00000001" + "00000001"))
        #expect(incoming(rfc, choosing: [Self.v1]) == Self.bytes("80ff73db08" + "00000001" + "00000001"))
        // A client names its chosen version among the others too.
        #expect(
            incoming("1108" + "6b3343cf" + "6b3343cf", choosing: both)
                == Self.bytes("80ff73db08" + "709a50c4" + "709a50c4"))
        #expect(incoming("1104" + "6b3343cf") == Self.bytes("80ff73db04" + "709a50c4"))
        #expect(incoming("1104" + "6b3343cf", choosing: both) == nil)
        #expect(incoming("1108" + "6b3343cf" + "00000001", choosing: both) == nil)
        // A zero goes to the library, which refuses it (RFC 9368 section 4).
        #expect(incoming("110c" + "00000001" + "00000001" + "00000000", choosing: both)?.suffix(4) == [0, 0, 0, 0])
        for broken in ["11", "1104" + "000000", "1103" + "000000", "1100", "1106" + "000000010000", "01ff", rfc + rfc] {
            #expect(incoming(broken) == nil, "\(broken)")
        }
    }

    // MARK: Connections

    /// Which version comes of what both sides speak and prefer.
    struct Choice: CustomTestStringConvertible {
        var client: [UInt32]
        var start: UInt32
        var server: [UInt32]
        var serverDecides = false
        var expected: UInt32

        var testDescription: String { "\(client) from \(start), \(server) decides: \(serverDecides)" }
    }

    static let choices: [Choice] = [
        Choice(client: [v1], start: v1, server: [v1, v2], expected: v1),
        Choice(client: [v1, v2], start: v1, server: [v1, v2], expected: v1),
        Choice(client: [v2, v1], start: v1, server: [v1, v2], expected: v2),
        Choice(client: [v2, v1], start: v1, server: [v1], expected: v1),
        Choice(client: [v2, v1], start: v2, server: [v1, v2], expected: v2),
        Choice(client: [v2], start: v2, server: [v1, v2], expected: v2),
        Choice(client: [v1, v2], start: v2, server: [v2, v1], expected: v2),
        Choice(client: [v1, v2], start: v1, server: [v2, v1], serverDecides: true, expected: v2),
        Choice(client: [v2, v1], start: v1, server: [v1, v2], serverDecides: true, expected: v1),
        Choice(client: [v1, v2], start: v2, server: [v1, v2], serverDecides: true, expected: v1),
        Choice(client: [v1], start: v1, server: [v2, v1], serverDecides: true, expected: v1),
    ]

    @Test("Both sides come to one version, and data flows", arguments: choices)
    func negotiation(_ choice: Choice) throws {
        let simulation = Simulation(
            seed: 21, configuration: Self.configuration(choice.server, ownPreference: choice.serverDecides),
            clientConfiguration: Self.configuration(choice.client))
        var seen: Set<UInt32> = []
        var last: UInt32 = 0
        simulation.network.tap = { datagram, from, _ in
            for version in Self.versions(in: datagram) {
                seen.insert(version)
                if from == Simulation.serverAddress { last = version }
            }
        }
        simulation.server.onAccept = { $0.echoes = true }
        let client = try simulation.connect(version: choice.start)
        let body = [UInt8](repeating: 7, count: 20_000)
        client.onReady = { $0.send(body, on: try! $0.connection.openBidirectionalStream()) }
        #expect(simulation.run(seconds: 20) { client.incoming[0]?.isComplete == true })
        #expect(client.incoming[0]?.bytes == body)
        #expect(client.connection.version == choice.expected)
        #expect(simulation.server.application?.connection.version == choice.expected)
        // On the wire stand the numbers of the RFCs, at the end that of the version which was agreed on.
        #expect(seen == [choice.start, choice.expected])
        #expect(last == choice.expected)
        #expect(simulation.server.routes == ["accept none"])
    }

    @Test(
        "Version 2 carries data with each cipher suite, also under keys of a later generation",
        arguments: QUICCipherSuite.allCases)
    func keyUpdate(_ suite: QUICCipherSuite) throws {
        let simulation = Simulation(
            seed: 22, link: Link(rate: 300_000), clientTLS: TestTLS.client(cipherSuites: [suite]),
            clientConfiguration: Self.configuration([Self.v2, Self.v1]))
        let transfer = try Transfer(simulation, size: 1_000_000)
        #expect(simulation.run(seconds: 5) { transfer.client.isComplete })
        simulation.run(seconds: 0.2)
        let server = try #require(simulation.server.application)
        for connection in [transfer.client.connection, server.connection] {
            try connection.initiateKeyUpdate(now: simulation.network.now)
            simulation.run(seconds: 1.5)
        }
        #expect(transfer.run())
        #expect(transfer.client.connection.version == Self.v2 && server.connection.version == Self.v2)
    }

    @Test(
        "Loss and reordering of the first packets do no harm, whichever version they have", arguments: [UInt64](1...8))
    func loss(_ seed: UInt64) throws {
        let simulation = Simulation(
            seed: seed, link: Link(jitter: 15_000_000, loss: 25, duplication: 10),
            clientConfiguration: Self.configuration([Self.v2, Self.v1]))
        simulation.server.onAccept = { $0.echoes = true }
        let client = try simulation.connect(version: seed % 2 == 0 ? Self.v1 : Self.v2)
        client.onReady = { $0.send([1, 2, 3], on: try! $0.connection.openBidirectionalStream()) }
        #expect(simulation.run(seconds: 60) { client.incoming[0]?.isComplete == true })
        #expect(client.connection.version == Self.v2)
    }

    @Test("Retry in version 2")
    func retry() throws {
        let simulation = Simulation(seed: 23)
        simulation.server.demandsRetry = true
        var seen: Set<UInt32> = []
        simulation.network.tap = { datagram, _, _ in seen.formUnion(Self.versions(in: datagram)) }
        let client = try simulation.connect(version: Self.v2)
        #expect(simulation.run(seconds: 5) { client.isComplete })
        #expect(simulation.server.routes == ["retry", "accept retry"])
        #expect(seen == [Self.v2])
    }

    @Test("A Retry whose tag is wrong is passed over")
    func forgedRetry() throws {
        let simulation = Simulation(seed: 24)
        simulation.server.demandsRetry = true
        var retry: [UInt8]?
        simulation.network.tap = { datagram, from, _ in
            if from == Simulation.serverAddress, retry == nil { retry = datagram }
        }
        let client = try simulation.connect(version: Self.v2)
        simulation.run(seconds: 0.011) { retry != nil }
        var forged = try #require(retry)
        forged[forged.count - 20] ^= 1
        simulation.network.link.loss = 100
        simulation.network.inject(forged, from: Simulation.serverAddress, to: Simulation.clientAddress)
        simulation.run(seconds: 0.005)
        simulation.network.link.loss = 0
        // The real one is lost or not; in both cases the client comes through, with a token that holds.
        #expect(simulation.run(seconds: 10) { client.isComplete })
        #expect(simulation.server.routes.last == "accept retry")
    }

    @Test("A refusal in version 2 reaches the client")
    func refusal() throws {
        let simulation = Simulation(seed: 25)
        simulation.server.demandsRetry = true
        let client = try simulation.connect(version: Self.v2)
        simulation.run(seconds: 0.015)
        // Another address than that of the token.
        simulation.network.translation[Simulation.clientAddress] = SocketAddress(ipv4: 192, 0, 2, 99, port: 9999)
        simulation.run(seconds: 5) { client.close != nil }
        #expect(simulation.server.routes == ["retry", "refusal"])
        #expect(client.close?.reason == .transport && client.close?.code == 0x0b)
    }

    @Test("A token that was damaged on the way is passed over: the whole one still serves", arguments: [v1, v2])
    func damagedToken(_ version: UInt32) throws {
        let simulation = Simulation(seed: 37)
        simulation.server.demandsRetry = true
        var second: [UInt8]?
        simulation.network.tap = { datagram, from, _ in
            // The whole one is lost on its way, the damaged one comes.
            guard from == Simulation.clientAddress, simulation.server.routes == ["retry"], second == nil else { return }
            second = datagram
            simulation.network.link.loss = 100
        }
        let client = try simulation.connect(version: version)
        simulation.run(seconds: 1) { second != nil }
        let whole = try #require(second)
        // Flags, version, both connection IDs, the token's length in two bytes; then the kind of token, which stays.
        let token = 5 + 1 + Int(whole[5]) + 1 + Int(whole[6 + Int(whole[5])]) + 2
        var damaged = whole
        damaged[token + 9] ^= 1
        simulation.network.inject(damaged, from: Simulation.clientAddress, to: Simulation.serverAddress)
        simulation.run(seconds: 0.005)
        simulation.network.link.loss = 0
        #expect(simulation.server.routes.contains("dropped unacceptableInitial"))
        #expect(!simulation.server.routes.contains("refusal"))
        #expect(simulation.run(seconds: 5) { client.isComplete })
        #expect(simulation.server.routes.last == "accept retry")
    }

    @Test("The draft's number on the wire is a version that we do not speak")
    func draft() {
        let endpoint = QUICEndpoint(
            configuration: Self.configuration([Self.v1, Self.v2]), key: Simulation.key, random: QUICRandom(seed: 1))
        var batch = DatagramBatch(capacity: 8192, runs: 8)
        var packet = Self.bytes("d0709a50c4" + "080102030405060708" + "00" + "00" + "4400")
        packet += [UInt8](repeating: 0, count: 1200 - packet.count)
        let path = QUICPath(local: Simulation.serverAddress, remote: Simulation.clientAddress)
        unsafe packet.withUnsafeBytes { bytes in
            switch unsafe endpoint.route(bytes, path: path, into: &batch, now: Instant(nanoseconds: 5), wall: 5) {
            case .answered: break
            default: Issue.record("not answered")
            }
        }
        let answer = unsafe Array(batch.bytes(of: batch[0]))
        let offered = Self.versions(in: answer)
        #expect(offered.first == 0 && offered.dropFirst().prefix(2) == [Self.v1, Self.v2])
    }

    @Test("A server without the client's version names its own, and the client begins anew")
    func incompatible() throws {
        let simulation = Simulation(
            seed: 26, configuration: Self.configuration([Self.v1]),
            clientConfiguration: Self.configuration([Self.v2, Self.v1]))
        let first = try simulation.connect(version: Self.v2)
        #expect(simulation.run(seconds: 5) { first.close != nil })
        #expect(first.close?.reason == .versionNegotiation)
        #expect(first.connection.offeredVersions.contains(Self.v1))
        #expect(!first.connection.offeredVersions.contains(Self.v2))
        let again = try simulation.client.connect(
            to: Simulation.serverAddress, version: Self.v1, originalVersion: Self.v2)
        #expect(simulation.run(seconds: 5) { again.isComplete })
    }

    /// What an attacker between them sends as the server's Version Negotiation packet.
    private func negotiation(to initial: [UInt8], offering versions: [UInt32]) -> [UInt8] {
        let destination = Array(initial[6..<6 + Int(initial[5])])
        let place = 6 + destination.count
        let source = Array(initial[place + 1..<place + 1 + Int(initial[place])])
        var packet: [UInt8] = [0xc0, 0, 0, 0, 0, UInt8(source.count)] + source
        packet += [UInt8(destination.count)] + destination
        for version in versions { packet += (0..<4).map { UInt8(truncatingIfNeeded: version >> UInt32(24 - 8 * $0)) } }
        return packet
    }

    @Test("A forged Version Negotiation packet does not bring client and server to a lesser version")
    func downgrade() throws {
        let both = Self.configuration([Self.v2, Self.v1])
        let simulation = Simulation(seed: 27, configuration: both, clientConfiguration: both)
        var initial: [UInt8]?
        simulation.network.tap = { datagram, from, _ in
            if from == Simulation.clientAddress, initial == nil { initial = datagram }
        }
        let first = try simulation.connect(version: Self.v2)
        simulation.client.flush()
        let seen = try #require(initial)
        simulation.network.inject(
            negotiation(to: seen, offering: [Self.v1]), from: Simulation.serverAddress, to: Simulation.clientAddress)
        #expect(simulation.run(seconds: 1) { first.close != nil })
        #expect(first.close?.reason == .versionNegotiation && first.connection.offeredVersions == [Self.v1])
        // The client follows, and learns in the handshake that the server speaks version 2: RFC 9368 section 4.
        let again = try simulation.client.connect(
            to: Simulation.serverAddress, version: Self.v1, originalVersion: Self.v2)
        #expect(simulation.run(seconds: 5) { again.close != nil })
        #expect(!again.isComplete)
        #expect(again.close?.initiator == .local && again.close?.code == 0x11)
    }

    @Test("The log of a Version Negotiation packet has the numbers that stood in it")
    func loggedNegotiation() throws {
        let simulation = Simulation(seed: 36, configuration: Self.configuration([Self.v1, Self.v2]))
        let log = CollectedLog()
        // A reserved version (RFC 9000 section 15): no server speaks it.
        let client = try simulation.client.connect(to: Simulation.serverAddress, version: 0x1a2a_3a4a, qlog: log)
        #expect(simulation.run(seconds: 1) { client.close != nil })
        #expect(client.connection.offeredVersions.starts(with: [Self.v1, Self.v2]))
        simulation.run(seconds: 5)
        #expect(log.string.contains("supported_versions"))
        #expect(log.string.contains("6b3343cf") && !log.string.contains("709a50c4"))
    }

    @Test("Only the numbers of a list of versions change in the log")
    func loggedVersions() {
        func translated(_ event: String) -> String? {
            unsafe LoggedVersions.translated(Array(event.utf8).span.bytes).map { String(decoding: $0, as: UTF8.self) }
        }
        let list = "\"supported_versions\":["
        #expect(translated("{\"a\":709a50c4}") == nil)
        #expect(translated("") == nil && translated(list) == nil && translated(list + "\"1\"]") == nil)
        #expect(
            translated("709a50c4,\(list)\"709a50c4\",\"0x6b3343cf\",\"1\"],709a50c4")
                == "709a50c4,\(list)\"6b3343cf\",\"0x709a50c4\",\"1\"],709a50c4")
        #expect(translated(list + "709a50c4") == list + "6b3343cf")
    }

    @Test("A Version Negotiation packet that lists the version in use is passed over")
    func pointlessNegotiation() throws {
        let simulation = Simulation(seed: 28)
        var initial: [UInt8]?
        simulation.network.tap = { datagram, from, _ in
            if from == Simulation.clientAddress, initial == nil { initial = datagram }
        }
        let client = try simulation.connect(version: Self.v2)
        simulation.client.flush()
        let seen = try #require(initial)
        simulation.network.inject(
            negotiation(to: seen, offering: [Self.v1, Self.v2]), from: Simulation.serverAddress,
            to: Simulation.clientAddress)
        #expect(simulation.run(seconds: 5) { client.isComplete })
    }

    // MARK: What is kept for later

    @Test("A session ticket resumes in its own version only", arguments: [v1, v2], [v1, v2])
    func tickets(_ first: UInt32, _ second: UInt32) throws {
        let simulation = Simulation(seed: 29)
        let earlier = try simulation.connect(version: first)
        #expect(simulation.run(seconds: 5) { earlier.isComplete })
        simulation.run(seconds: 1)
        let resumption = try #require(earlier.connection.takeResumption())
        #expect(resumption.version == first)
        let ticket: [UInt8] = try #require(resumption.session)
        let session = try simulation.client.tls.makeClientSession(serverName: "quic.test", resuming: ticket)
        let later = try simulation.client.connect(to: Simulation.serverAddress, version: second, session: session)
        #expect(simulation.run(seconds: 5) { later.isComplete })
        #expect(later.connection.tls?.isResumed == (first == second))
    }

    /// Both of them speak both versions, the client prefers the second; early data goes.
    private func simulationWithEarlyData(
        seed: UInt64, serverTLS: QUICTLSContext = TestTLS.server(replayGuard: ReplayGuard()),
        serverVersions: [UInt32] = [v1, v2]
    ) -> Simulation {
        Simulation(
            seed: seed, clientTLS: TestTLS.client(offersEarlyData: true), serverTLS: serverTLS,
            configuration: Self.configuration(serverVersions),
            clientConfiguration: Self.configuration([Self.v2, Self.v1]))
    }

    /// What a first connection, which begins with version 1, is given.
    private func learned(_ simulation: Simulation, expected version: UInt32) throws -> QUICResumption {
        let client = try simulation.connect(version: Self.v1)
        #expect(simulation.run(seconds: 5) { client.isComplete })
        simulation.run(seconds: 1)
        #expect(client.connection.version == version)
        let resumption = try #require(client.connection.takeResumption())
        #expect(resumption.version == version && resumption.earlyData != nil)
        client.connection.close(applicationError: 0)
        simulation.run(seconds: 5)
        return resumption
    }

    /// A connection that offers a session, and early data where the session allows some, and asks something.
    private func resume(_ simulation: Simulation, _ resumption: QUICResumption, from version: UInt32) throws
        -> TestApplication
    {
        let ticket: [UInt8] = try #require(resumption.session)
        let session = try simulation.client.tls.makeClientSession(serverName: "quic.test", resuming: ticket)
        simulation.server.onAccept = { $0.echoes = true }
        let client = try simulation.client.connect(to: Simulation.serverAddress, version: version, session: session)
        if let early = resumption.earlyData { client.connection.offer(early) }
        client.onReady = { $0.send(Array("early".utf8), on: try! $0.connection.openBidirectionalStream()) }
        #expect(simulation.run(seconds: 5) { client.incoming[0]?.isComplete == true && client.isComplete })
        #expect(client.incoming[0]?.bytes == Array("early".utf8))
        return client
    }

    @Test("Where the version changes on the way, the ticket is of the version in use, and early data goes in it")
    func changedVersion() throws {
        let simulation = simulationWithEarlyData(seed: 30)
        let resumption = try learned(simulation, expected: Self.v2)
        let client = try resume(simulation, resumption, from: Self.v2)
        #expect(client.connection.tls?.isResumed == true && client.connection.tls?.isEarlyDataAccepted == true)
        #expect(simulation.server.application?.sawEarlyData == true)
        simulation.run(seconds: 1)
        #expect(client.connection.takeResumption()?.version == Self.v2)
    }

    @Test("A ticket of version 2 does not resume a connection that begins with version 1, wherever that one goes")
    func ticketOfTheLaterVersion() throws {
        let simulation = simulationWithEarlyData(seed: 33)
        var resumption = try learned(simulation, expected: Self.v2)
        resumption.earlyData = nil
        let client = try resume(simulation, resumption, from: Self.v1)
        #expect(client.connection.version == Self.v2)
        #expect(client.connection.tls?.isResumed == false)
    }

    @Test("A ticket of version 1 resumes a connection that changes to version 2, which gives no ticket of its own")
    func ticketOfTheEarlierVersion() throws {
        let serverTLS = TestTLS.server(replayGuard: ReplayGuard())
        let before = simulationWithEarlyData(seed: 34, serverTLS: serverTLS, serverVersions: [Self.v1])
        var resumption = try learned(before, expected: Self.v1)
        resumption.earlyData = nil
        let simulation = simulationWithEarlyData(seed: 35, serverTLS: serverTLS)
        let client = try resume(simulation, resumption, from: Self.v1)
        #expect(client.connection.version == Self.v2)
        #expect(client.connection.tls?.isResumed == true)
        simulation.run(seconds: 1)
        #expect(client.connection.takeResumption() == nil)
    }

    @Test("A token validates the address in its own version only", arguments: [v1, v2], [v1, v2])
    func tokens(_ first: UInt32, _ second: UInt32) throws {
        let simulation = Simulation(seed: 31)
        let earlier = try simulation.connect(version: first)
        #expect(simulation.run { earlier.isComplete && simulation.server.application?.isComplete == true })
        let server = try #require(simulation.server.application)
        try simulation.server.endpoint.sendToken(on: server.connection, wall: simulation.network.now.nanoseconds)
        #expect(simulation.run(seconds: 1) { !earlier.connection.receivedToken.isEmpty })
        let later = try simulation.client.connect(
            to: Simulation.serverAddress, version: second, token: earlier.connection.receivedToken)
        #expect(simulation.run(seconds: 1) { later.isComplete })
        #expect(simulation.server.routes.last == (first == second ? "accept earlierConnection" : "accept none"))
    }

    @Test("Early data in version 2")
    func earlyData() throws {
        let simulation = Simulation(
            seed: 32, clientTLS: TestTLS.client(offersEarlyData: true),
            serverTLS: TestTLS.server(replayGuard: ReplayGuard()))
        let first = try simulation.connect(version: Self.v2)
        #expect(simulation.run { first.isComplete })
        simulation.run(seconds: 1)
        let resumption = try #require(first.connection.takeResumption())
        let early = try #require(resumption.earlyData)
        first.connection.close(applicationError: 0)
        simulation.run(seconds: 5)
        let ticket: [UInt8] = try #require(resumption.session)
        let session = try simulation.client.tls.makeClientSession(serverName: "quic.test", resuming: ticket)
        simulation.server.onAccept = { $0.echoes = true }
        let client = try simulation.client.connect(to: Simulation.serverAddress, version: Self.v2, session: session)
        client.connection.offer(early)
        client.onReady = { $0.send(Array("early".utf8), on: try! $0.connection.openBidirectionalStream()) }
        #expect(simulation.run(seconds: 1) { client.incoming[0]?.isComplete == true })
        #expect(client.incoming[0]?.bytes == Array("early".utf8))
        #expect(simulation.server.application?.sawEarlyData == true)
        #expect(client.connection.tls?.isEarlyDataAccepted == true)
    }
}
