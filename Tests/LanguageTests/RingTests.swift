import Language
import Testing

@Suite struct RingTests {
    @Test("A server of a ring gets its lines in clear: 'ssl' is refused") func clearServersOnly() {
        let alerts = load("ring r\n server s 127.0.0.1:514 ssl verify none\n").alerts
        #expect(alerts.contains { $0.contains("'server r/s' : 'ssl' is not supported") }, "\(alerts)")
    }
}
