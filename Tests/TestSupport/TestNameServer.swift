import Foundation
import Glibc
import Synchronization

/// A name server for tests: answers over UDP and TCP on one port of 127.0.0.1 from a table that a test may change.
package final class TestNameServer: Sendable {
    /// What a name has.
    package enum Entry: Sendable {
        case ipv4(String)
        case ipv6(String)
        case alias(String)
        case service(priority: Int, weight: Int, port: Int, target: String)
        /// An address in the additional section, for the name of a service's target.
        case additional(name: String, ipv4: String)
    }

    /// How a name is answered.
    package enum Answer: Sendable {
        case records([Entry])
        /// A code of RFC 1035 section 4.1.1 without records: 2 failure, 3 no such name, 5 refused.
        case code(UInt8)
        /// Over UDP an answer that is cut, over TCP the records.
        case truncated([Entry])
        /// The message's first bytes only.
        case garbage
        case silence
    }

    package let port: Int
    private let table = Mutex<[String: Answer]>([:])
    private let asked = Mutex<[String]>([])
    private let sockets: [Int32]

    package init() throws {
        port = try Ports.free()
        var descriptors: [Int32] = []
        for type in [SOCK_DGRAM, SOCK_STREAM] {
            let descriptor = socket(AF_INET, Int32(type.rawValue), 0)
            var yes: Int32 = 1
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
            let result = unsafe withUnsafePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw SupportError.noPort }
            descriptors.append(descriptor)
        }
        listen(descriptors[1], 16)
        sockets = descriptors
        let (datagrams, streams) = (descriptors[0], descriptors[1])
        Thread.detachNewThread { [weak self] in Self.serveDatagrams(datagrams) { self?.answer($0, overTCP: false) } }
        Thread.detachNewThread { [weak self] in Self.serveStreams(streams) { self?.answer($0, overTCP: true) } }
    }

    deinit {
        // Wakes both threads, which close the sockets.
        for descriptor in sockets { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    /// How a name is answered from now on; nil: there is no such name.
    package subscript(name: String) -> Answer? {
        get { table.withLock { $0[name] } }
        set { table.withLock { $0[name] = newValue } }
    }

    /// Sets addresses of a name.
    package func set(_ name: String, _ addresses: String...) {
        self[name] = .records(addresses.map { $0.contains(":") ? .ipv6($0) : .ipv4($0) })
    }

    /// Questions so far, each as `udp A name`.
    package var questions: [String] { asked.withLock { $0 } }

    // MARK: Sockets

    private static func serveDatagrams(_ descriptor: Int32, _ answer: (ArraySlice<UInt8>) -> [UInt8]?) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var peer = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = unsafe withUnsafeMutablePointer(to: &peer) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
                }
            }
            guard count > 0 else { break }
            guard let reply = answer(buffer[..<count]) else { continue }
            _ = unsafe withUnsafePointer(to: &peer) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe sendto(descriptor, reply, reply.count, 0, $0, length)
                }
            }
        }
        close(descriptor)
    }

    private static func serveStreams(_ descriptor: Int32, _ answer: (ArraySlice<UInt8>) -> [UInt8]?) {
        while true {
            let client = accept(descriptor, nil, nil)
            guard client >= 0 else { break }
            var buffer: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = unsafe recv(client, &chunk, chunk.count, 0)
                guard count > 0 else { break }
                buffer += chunk[..<count]
                while buffer.count >= 2, buffer.count >= 2 + Int(buffer[0]) << 8 + Int(buffer[1]) {
                    let length = Int(buffer[0]) << 8 + Int(buffer[1])
                    if let reply = answer(buffer[2..<2 + length]) {
                        let framed = Self.number(reply.count) + reply
                        _ = unsafe send(client, framed, framed.count, Int32(MSG_NOSIGNAL))
                    }
                    buffer.removeFirst(2 + length)
                }
            }
            close(client)
        }
        close(descriptor)
    }

    // MARK: Messages

    private static let types: [UInt16: String] = [1: "A", 5: "CNAME", 28: "AAAA", 33: "SRV"]

    private func answer(_ question: ArraySlice<UInt8>, overTCP: Bool) -> [UInt8]? {
        let message = Array(question)
        guard message.count >= 17 else { return nil }
        var place = 12
        var labels: [String] = []
        while place < message.count, message[place] != 0 {
            let end = place + 1 + Int(message[place])
            guard end < message.count else { return nil }
            labels.append(String(decoding: message[place + 1..<end], as: UTF8.self).lowercased())
            place = end
        }
        guard place + 5 <= message.count else { return nil }
        let type = UInt16(message[place + 1]) << 8 | UInt16(message[place + 2])
        let name = labels.joined(separator: ".")
        asked.withLock { $0.append("\(overTCP ? "tcp" : "udp") \(Self.types[type] ?? "\(type)") \(name)") }
        let body = Array(message[12..<place + 5])
        func reply(_ flags: [UInt8], _ answers: [[UInt8]] = [], _ more: [[UInt8]] = []) -> [UInt8] {
            Array(message[..<2]) + flags + [0, 1] + Self.number(answers.count) + [0, 0] + Self.number(more.count) + body
                + answers.joined() + more.joined()
        }
        switch self[name] ?? .code(3) {
        case .silence: return nil
        case .garbage: return Array(message[..<6])
        case .code(let code): return reply([0x81, 0x80 | code])
        case .truncated where !overTCP: return reply([0x83, 0x80])
        case .records(let entries), .truncated(let entries):
            var owner: [UInt8] = [0xc0, 0x0c]
            let answers = entries.compactMap { Self.record($0, asked: type, &owner) }
            let more = entries.compactMap { Self.additional($0) }
            return reply([0x81, 0x80], answers, type == 33 ? more : [])
        }
    }

    /// The record of an entry, for the name in the question or the last alias; nil when it is of another type.
    private static func record(_ entry: Entry, asked type: UInt16, _ owner: inout [UInt8]) -> [UInt8]? {
        let own: UInt16
        let data: [UInt8]
        switch entry {
        case .ipv4(let text): (own, data) = (1, address(text))
        case .ipv6(let text): (own, data) = (28, address(text))
        case .alias(let target): (own, data) = (5, encoded(target))
        case .service(let priority, let weight, let port, let target):
            (own, data) = (33, number(priority) + number(weight) + number(port) + encoded(target))
        case .additional: return nil
        }
        guard own == type || own == 5 else { return nil }
        defer { if own == 5 { owner = data } }
        return owner + number(Int(own)) + [0, 1, 0, 0, 0, 1] + number(data.count) + data
    }

    private static func additional(_ entry: Entry) -> [UInt8]? {
        guard case .additional(let name, let text) = entry else { return nil }
        return encoded(name) + [0, 1, 0, 1, 0, 0, 0, 1, 0, 4] + address(text)
    }

    private static func number(_ value: Int) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
    }

    private static func encoded(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    private static func address(_ text: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        let isIPv6 = text.contains(":")
        unsafe inet_pton(isIPv6 ? AF_INET6 : AF_INET, text, &bytes)
        return Array(bytes.prefix(isIPv6 ? 16 : 4))
    }
}
