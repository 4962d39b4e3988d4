import Configuration
import Testing

@Suite struct SettingsTests {
    @Test func timeoutsFallBack() {
        var timeouts = Timeouts(client: 50_000, server: 40_000)
        #expect(timeouts.requestHead == 50_000)
        #expect(timeouts.keepAlive == 50_000)
        #expect(timeouts.clientHalfClosed == 50_000)
        #expect(timeouts.serverHalfClosed == 40_000)
        timeouts.httpRequest = 10_000
        #expect(timeouts.keepAlive == 10_000)
        timeouts.httpKeepAlive = 5
        timeouts.clientFin = 6
        timeouts.serverFin = 7
        #expect(timeouts.keepAlive == 5)
        #expect(timeouts.requestHead == 10_000)
        #expect(timeouts.clientHalfClosed == 6)
        #expect(timeouts.serverHalfClosed == 7)
        #expect(Timeouts().keepAlive == nil)
    }

    @Test func aPlaceNamesItsFileAndLine() {
        #expect(SourceLocation(file: "a.cfg", line: 3).description == "a.cfg:3")
    }

    @Test func theStricterConnectionModeIsTheGreater() {
        #expect(max(HTTPConnectionMode.keepAlive, .serverClose) == .serverClose)
        #expect(max(HTTPConnectionMode.close, .serverClose) == .close)
    }

    @Test func tlsVersionsAreOrdered() {
        #expect(TLSVersion.allCases.sorted() == TLSVersion.allCases)
        #expect(TLSParameters().minVersion == .tls12)
    }

    @Test func syslogNumbers() {
        #expect(LogFacility.kern.code == 0)
        #expect(LogFacility.local0.code == 16)
        #expect(LogFacility.local7.code == 23)
        #expect(LogLevel.emergency < .debug)
        #expect(LogLevel.info.rawValue == 6)
        #expect(
            LogLevel.allCases.map(\.name) == ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"])
    }

    @Test(arguments: [(100 * 16384, 90, 1_474_560), (0, 90, 16384), (16384, 100, 16384), (20000, 100, 32768)])
    func quicStreamShareIsWholeBuffers(connection: Int, ratio: Int, expected: Int) {
        var quic = QUICTuneSettings()
        quic.receiveBuffer = connection
        quic.streamDataRatio = ratio
        #expect(quic.streamReceiveBuffer(bufsize: 16384) == expected)
    }

    @Test(arguments: [
        (BindAddress.ip(.anyV4, ports: 80...80), "ipv4@0.0.0.0:80"), (.ip(.anyV6, ports: 80...90), "ipv6@:::80-90"),
        (.unix(path: "/run/a"), "unix@/run/a"), (.abstract(name: "a"), "abns@a"),
        (.abstract(name: "a", isPadded: false), "abnsz@a"), (.inherited(fd: 3), "fd@3"),
    ])
    func bindAddressesPrintAsWritten(address: BindAddress, text: String) {
        #expect(address.description == text)
    }
}
