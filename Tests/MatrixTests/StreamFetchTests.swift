import TestSupport
import Testing

/// What is told of the streams below an exchange. The values are HAProxy 3.5-dev5's.
@Suite("Fetches of streams") struct StreamFetchTests {
    @Test func numbersAndResets() async throws {
        let ports = (try Ports.free(), try Ports.free())
        let process = try await ListenerProcess(
            #"""
            defaults
                mode http
                timeout client 5s
                timeout server 5s
                timeout connect 5s
            frontend f
                bind 127.0.0.1:\#(ports.0)
                http-after-response set-header x-fs "%[fs.id] %[fs.aborted] %[fs.rst_code] %[fc_glitches]|%[bs.id] %[bs.aborted] %[bs.rst_code] %[bc_glitches]"
                http-request return status 200 if { path /here }
                default_backend b
            backend b
                server s 127.0.0.1:\#(ports.1)
            frontend origin
                bind 127.0.0.1:\#(ports.1)
                http-request return status 200

            """#, in: ListenerFolder())
        let socket = try RawSocket(connectingTo: ports.0)
        socket.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
        let first = try #require(socket.receive(through: "\r\n\r\n"))
        #expect(first.contains("\r\nx-fs: 0 0  0|0 0  0\r\n"), "\(first)")
        socket.send("GET /here HTTP/1.1\r\nHost: a\r\n\r\n")
        let second = try #require(socket.receive(through: "\r\n\r\n"))
        #expect(second.contains("\r\nx-fs: 1 0  0| 0  \r\n"), "\(second)")
        socket.send("GET /third HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let third = String(decoding: socket.receiveAll().bytes, as: UTF8.self)
        #expect(third.contains("\r\nx-fs: 2 0  0|1 0  0\r\n"), "\(third)")
        #expect(process.process.exitStatus == nil)
    }
}
