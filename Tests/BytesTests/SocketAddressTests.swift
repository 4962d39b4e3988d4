import Bytes
import Testing

@Suite("Socket addresses") struct SocketAddressTests {
    @Test("Text, kernel form and back", arguments: ["127.0.0.1", "0.0.0.0", "::1", "2001:db8::17", "::ffff:10.0.0.1"])
    func roundTrip(host: String) throws {
        let address = try #require(SocketAddress(text: host, port: 8443))
        let copy = unsafe address.withSockaddr { pointer, length in
            unsafe SocketAddress(raw: UnsafeRawBufferPointer(start: pointer, count: Int(length)), length: Int(length))
        }
        #expect(copy == address)
        #expect(copy.host == host)
        #expect(copy.port == 8443)
        #expect(address.isIPv4Mapped == host.hasPrefix("::ffff:"))
    }

    @Test("What is no address is refused", arguments: ["", "localhost", "1.2.3", "::g", "1.2.3.4.5"])
    func refusals(host: String) { #expect(SocketAddress(text: host, port: 1) == nil) }
}
