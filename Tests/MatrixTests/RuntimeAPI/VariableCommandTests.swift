import Foundation
import TestSupport
import Testing

/// Variables of the process: `set-var` in `global`, `get var` and `set var`. The answers are HAProxy 3.5-dev5's.
@Suite("Variables of the process") struct VariableCommandTests {
    private static func process() async throws -> RuntimeProcess {
        try await RuntimeProcess(
            global: """
                set-var proc.a int(12)
                set-var proc.b str(hello),upper
                set-var-fmt proc.c "x %[str(y)] %[var(proc.a)]"
                set-var proc.e ipv4(1.2.3.4)
                """,
            frontend: """
                http-request set-var(proc.z) int(5)
                http-request set-var(ptxn.z) int(5)
                http-request return status 200 content-type text/plain lf-string "%[var(proc.c)]-%[var(ptxn.z,none)]"
                """)
    }

    @Test(arguments: [
        ("get var proc.a", "proc.a: type=sint value=<12>\n\n"),
        ("get var proc.b", "proc.b: type=str value=<HELLO>\n\n"),
        ("get var proc.c", "proc.c: type=str value=<x y 12>\n\n"),
        ("get var proc.e", "proc.e: type=ipv4 value=<1.2.3.4>\n\n"),
        ("get var proc.z", "Variable not found.\n\n"), ("get var proc.nope", "Variable not found.\n\n"),
        ("get var txn.a", "Variable not found.\n\n"), ("get var", "Missing process-wide variable identifier.\n\n"),
        ("set var proc.q int(7)", "This command is restricted to experimental mode only.\n\n"),
    ])
    func answers(command: String, answer: String) async throws {
        let process = try await Self.process()
        #expect(try await process.ask(command) == answer)
    }

    @Test(arguments: [
        ("set var proc.q int(7); get var proc.q", "\nproc.q: type=sint value=<7>\n\n"),
        ("set var proc.q expr int(8); get var proc.q", "\nproc.q: type=sint value=<8>\n\n"),
        ("set var proc.q fmt a\\ b; get var proc.q", "\nproc.q: type=str value=<a b>\n\n"),
        ("set var proc.k expr int(1),add(2); get var proc.k", "\nproc.k: type=sint value=<3>\n\n"),
        (
            "set var txn.q expr int(1)",
            "'set var': cannot set variable 'txn.q', only scope 'proc' is permitted here.\n\n"
        ),
        ("set var proc.q expr int(1", "fetch method 'int' : expected ')'\n\n"),
        ("set var proc.q", "Missing either 'expr', 'fmt' or expression.\n\n"),
        ("set var proc.q what int(1)", "'set var': arg type must be either 'expr' or 'fmt' but got 'what'.\n\n"),
    ])
    func experimentalAnswers(commands: String, answer: String) async throws {
        let process = try await Self.process()
        #expect(try await process.ask("experimental-mode on; \(commands)") == "\n" + answer)
    }

    @Test func rulesSeeThem() async throws {
        let process = try await Self.process()
        #expect(try RawSocket(connectingTo: process.port).exchange().hasSuffix("\r\n\r\nx y 12-none"))
        #expect(try await process.ask("get var proc.z") == "proc.z: type=sint value=<5>\n\n")
        _ = try await process.ask("experimental-mode on; set var proc.c str(new)")
        #expect(try RawSocket(connectingTo: process.port).exchange().hasSuffix("\r\n\r\nnew-none"))
    }

    @Test func limitsAreKept() async throws {
        let process = try await RuntimeProcess(
            global: "tune.vars.reqres-max-size 100\ntune.vars.global-max-size 400",
            frontend: """
                http-request set-var(req.a) str(a)
                http-request set-var(req.b) str(b)
                http-request set-var(req.c) str(c)
                http-request set-var(txn.d) str(d)
                http-request set-var(proc.e) hdr(x-long)
                http-request return status 200 content-type text/plain lf-string "%[var(req.a)]%[var(req.b)]%[var(req.c)]%[var(txn.d)]%[var(proc.e)]"
                """)
        let long = String(repeating: "l", count: 500)
        let socket = try RawSocket(connectingTo: process.port)
        socket.send("GET / HTTP/1.1\r\nHost: a\r\nX-Long: \(long)\r\nConnection: close\r\n\r\n")
        #expect(String(decoding: socket.receiveAll().bytes, as: UTF8.self).hasSuffix("\r\n\r\nabd"))
    }
}
