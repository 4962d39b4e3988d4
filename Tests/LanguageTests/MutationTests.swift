import Language
import Testing

/// Broken files end in messages, never in a trap.
@Suite struct MutationTests {
    /// A generator that gives the same numbers for the same seed (SplitMix64).
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
            return value ^ value >> 31
        }
    }

    private static let lines = [
        "global", " cpu-map auto:1/1-4 0-3,7", " log udp@127.0.0.1:514 len 80 format raw local0 info err",
        " nbthread 4",
        " setenv A \"${B-x}\"", " tune.bufsize 16k", " unix-bind prefix /x mode 600", " hard-stop-after 5s",
        "defaults d",
        " timeout client 10s", " option forwardfor except 10.0.0.0/8 header X if-none", " no option httpclose",
        "frontend f from d",
        " bind [::1]:80-90,quic4@:443 ssl crt a alpn h2,h3 ssl-min-ver TLSv1.2 quic-cc-algo bbr(1m)",
        " bind unix@a,abns@b,fd@3 accept-proxy",
        ".if feature(QUIC) && (streq(\"$A\",b) || !version_atleast(3.4-dev1-a-2))",
        " use_backend b", ".elif defined(X)", ".else", ".endif", "backend b", " balance random(3)",
        " server s ipv4@h:+10 ssl verify none sni str(x) weight 3 pool-purge-delay 1m", " errorfile 503 /dev/null",
        "http-errors e", " errorfile 400 /dev/null", "listen l", " default-server no-ssl", " errorfiles e 400",
        ".notice \"x\"",
    ]

    @Test(arguments: 0..<400 as Range<UInt64>) func brokenFiles(seed: UInt64) {
        var generator = Seeded(state: seed)
        var bytes = Array(Self.lines.joined(separator: "\n").utf8) + [10]
        for _ in 0..<Int.random(in: 1...20, using: &generator) {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...127, using: &generator)
            case 1: bytes.remove(at: place)
            case 2:
                bytes.insert(contentsOf: Array("\"\\${[-/@:,x1'".utf8).shuffled(using: &generator).prefix(3), at: place)
            case 3: bytes.removeSubrange(place..<min(place + 12, bytes.count))
            default:
                let line = Self.lines.randomElement(using: &generator) ?? ""
                bytes.insert(contentsOf: Array(line.utf8), at: place)
            }
            if bytes.isEmpty { bytes = [10] }
        }
        let result = ConfigurationLoader(environment: ["A": "b"], system: NamelessSystem())
            .load(text: String(decoding: bytes, as: UTF8.self), named: "m")
        #expect((result.configuration == nil) == result.hasErrors)
        for diagnostic in result.diagnostics {
            #expect(!diagnostic.rendered(pid: 1).hasSuffix("\n"))
        }
    }

    @Test(arguments: 0..<400 as Range<UInt64>) func brokenConditions(seed: UInt64) {
        var generator = Seeded(state: seed)
        let parts = [
            "defined", "streq", "(", ")", ",", "!", "&&", "||", "1", "0", " ", "a", "\"", "'", "\\", "version_before",
            "-", "\t",
        ]
        let count = Int.random(in: 0...20, using: &generator)
        let text = (0..<count).map { _ in parts.randomElement(using: &generator) ?? "" }.joined()
        do throws(ConditionError) {
            _ = try ConfigurationLoader().evaluate(condition: text)
        } catch {
            #expect(error.column <= text.utf8.count)
            #expect(!error.message.isEmpty)
        }
    }
}
