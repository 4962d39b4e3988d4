import Foundation
import Samples
import TestSupport
import Testing
import Words

/// Ciphers with arguments from variables, and maps.
struct CipherTests {
    /// A bench whose scope `check` has these variables.
    private func bench(_ input: [UInt8], _ variables: [(String, VariableValue)]) throws -> ConverterBench {
        let bench = ConverterBench(input)
        let store = VariableStore()
        for (name, value) in variables { store.set(try bench.context.variable("check.\(name)").number, value) }
        bench.evaluation.checkVariables = store
        return bench
    }

    @Test func encryptedBytesComeBack() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = RandomNumbers(seed: seed)
        func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        func base64(_ bytes: [UInt8]) -> VariableValue { .str(Array(Data(bytes).base64EncodedString().utf8)) }
        for round in 0..<60 {
            let bits = [128, 192, 256][round % 3]
            let plain = bytes(Int(random.next() % 500))
            let variables = [
                ("key", base64(bytes(bits / 8))), ("nonce", base64(bytes(round % 2 == 0 ? 12 : 16))),
                ("aad", base64(bytes(20))),
            ]
            let sender = try bench(plain, variables)
            let sealed = try sender.result("aes_gcm_enc(\(bits),check.nonce,check.key,check.tag,check.aad)")
            let tag = try sender.evaluation.checkVariables?.value(sender.context.variable("check.tag").number)
            let receiver = try bench(try #require(sealed).bytes, variables + [("tag", try #require(tag))])
            let opened = try receiver.result("aes_gcm_dec(\(bits),check.nonce,check.key,check.tag,check.aad)")
            #expect(opened?.bytes == plain, "seed \(seed)")
            #expect(try receiver.result("aes_gcm_dec(\(bits),check.nonce,check.key,check.tag)") == nil, "seed \(seed)")

            let chained = try bench(plain, variables).result("aes_cbc_enc(\(bits),check.nonce,check.key)")
            let back = try bench(try #require(chained).bytes, variables).result(
                "aes_cbc_dec(\(bits),check.nonce,check.key)")
            #expect(back?.bytes == plain, "seed \(seed)")
        }
    }

    @Test func variablesThatDoNotFit() throws {
        let bad = try bench(Array("x".utf8), [("k", .str(Array("!!!!".utf8)))])
        #expect(try bad.result("hmac(sha256,check.k)") == nil)
        #expect(try bad.result("hmac(sha256,check.absent)") == nil)
        #expect(try bad.result("aes_cbc_enc(128,check.absent,check.k)") == nil)
        let good = try bench(Array("x".utf8), [("k", .str(Array("a2V5".utf8)))])
        #expect(try good.result("hmac(sha256,check.k)")?.bytes == good.result("hmac(sha256,a2V5)")?.bytes)
    }

    @Test(arguments: [("hello", "1"), ("hellp", "0"), ("hell", "0"), ("", "0")])
    func comparesInConstantTime(_ text: String, _ answer: String) throws {
        let bench = try bench(Array("hello".utf8), [("v", .str(Array(text.utf8)))])
        let found = try bench.result("secure_memcmp(check.v)")
        #expect(found?.type == .bool)
        #expect(found?.bytes == Array(answer.utf8))
        #expect(try bench.result("secure_memcmp(check.absent)") == nil)
    }

    @Test(arguments: [
        ("aes_gcm_enc(100,aaaa,bbbb,txn.t)", "key size must be 128, 192 or 256 (bits)."),
        ("aes_gcm_enc(128,aaa,bbbb,txn.t)", "failed to parse nonce : \(notBase64)"),
        ("aes_gcm_enc(128,aaaa,bbb,txn.t)", "failed to parse key : \(notBase64)"),
        ("aes_gcm_enc(128,aaaa,bbbb,txn.t,ddd)", "failed to parse aad : \(notBase64)"),
        ("aes_gcm_dec(128,aaaa,bbbb,ccc)", "failed to parse aead_tag : \(notBase64)"),
        ("aes_cbc_enc(128,aaaa,bbbb,cc)", "failed to parse aad : \(notBase64)"),
        ("hmac(foo,aaaa)", "algorithm must be a valid OpenSSL message digest name."),
        ("hmac(sha256,aaa)", "failed to parse key : \(notBase64)"),
    ])
    func refusedArguments(_ converters: String, _ message: String) {
        let name = converters.prefix { $0 != "(" }
        #expect(ConverterBench([]).complaint(converters) == "invalid args in converter '\(name)' : \(message)")
    }

    @Test func theTagNeedsAVariable() {
        let complaint = ConverterBench([]).complaint("aes_gcm_enc(128,aaaa,bbbb,cccc)")
        #expect(complaint?.contains("failed to parse aead_tag : invalid variable name 'cccc'") == true)
    }
}

private let notBase64 = "argument needs to be base64 encoded, and can either be a string or a variable"

/// Converters that look values up in maps.
struct MapConverterTests {
    private func bench(_ input: [UInt8]) -> ConverterBench {
        let bench = ConverterBench(input, type: .str)
        bench.context.readFile = { path throws(Complaint) in
            guard let data = FileManager.default.contents(atPath: Repository.path("Tests/Tables/maps/\(path)")) else {
                throw Complaint("No such file or directory")
            }
            return Array(data)
        }
        return bench
    }

    @Test func valuesAreHAProxys() throws {
        let rows = try ConverterRow.table("map")
        #expect(rows.count > 400)
        for row in rows {
            #expect(try bench(row.input).result(row.converters)?.bytes == row.value, "\(row.description)")
        }
    }

    @Test(arguments: [
        ("map(missing.map)", "failed to open pattern file <missing.map>"),
        ("map_ip_ip(network.map)", "unable to parse 'ten'"), ("map_str_int(text.map)", "unable to parse 'one'"),
        ("map_ip(text.map)", "'alpha' is not a valid IPv4 or IPv6 address"),
        ("map_str_ip(address.map,x)", "map: cannot parse default ip <x>"),
    ])
    func refusedArguments(_ converters: String, _ message: String) {
        let complaint = bench([]).complaint(converters)
        #expect(complaint?.contains(message) == true, "\(complaint ?? "accepted")")
    }

    /// All names of section 7.3.1 that look something up in a map.
    @Test func everyNameIsThere() {
        let names = ["", "_str", "_beg", "_sub", "_dir", "_dom", "_end", "_reg", "_int", "_ip"]
        for name in names {
            #expect(bench([]).context.catalogue.converters["map\(name)"] != nil)
            guard !name.isEmpty else { continue }
            for output in ["_int", "_ip", "_key"] {
                #expect(bench([]).context.catalogue.converters["map\(name)\(output)"] != nil)
            }
        }
        #expect(bench([]).context.catalogue.converters["map_regm"] != nil)
    }

    /// Expressions that name one file share one list.
    @Test func aFileIsReadOnce() throws {
        let bench = bench(Array("alpha".utf8))
        _ = try bench.result("map(text.map)")
        bench.context.readFile = { path throws(Complaint) in throw Complaint("read again") }
        #expect(try bench.result("map_beg(text.map)")?.bytes == Array("one".utf8))
    }
}
