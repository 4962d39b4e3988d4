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

    @Test(
        "The text that goes into fields and log lines is the same",
        arguments: [
            "0.0.0.0", "9.10.99.100", "255.255.255.255", "1.20.199.200", "127.0.0.1", "::1", "2001:db8::17",
        ])
    func writtenHost(host: String) throws {
        let address = try #require(SocketAddress(text: host, port: 1))
        var room = [UInt8](repeating: 0, count: 46)
        let count = unsafe room.withUnsafeMutableBufferPointer { unsafe address.writeHost(to: $0) }
        #expect(String(decoding: room.prefix(count), as: UTF8.self) == host)
        var small = [UInt8](repeating: 0, count: 2)
        #expect(unsafe small.withUnsafeMutableBufferPointer { unsafe address.writeHost(to: $0) } == 0)
    }
}
