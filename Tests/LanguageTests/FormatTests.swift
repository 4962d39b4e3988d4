import Configuration
import Language
import Rules
import Samples
import Testing

@Suite("Log formats, captures and profiles") struct FormatTests {
    @Test(
        arguments: [
            (#"log-format "%zz""#, "2:14 'log-format' : no such format alias 'zz'. If you wanted to emit the '%'"),
            (#"log-format "%hx""#, "did you mean 'hr' maybe ?"),
            (#"log-format "a %""#, "2:15 'log-format' : truncated line after '%': a verbatim '%' is written '%%'"),
            (#"log-format "% a""#, "unexpected alias name near ' '. Maybe you want to write a single '%'"),
            (#"log-format "%{+Q""#, "truncated line after '%{+Q'"),
            (#"log-format "%{+Q} ""#, "parse argument modifier without alias name near '%{+Q}'"),
            (#"log-format "%(a b)ci""#, "invalid character in custom name near ' '"),
            (#"log-format "%(a:int)ci""#, "unexpected output type 'int'. Supported types are: str, sint, bool, raw"),
            (#"log-format "%[str(a)""#, "missing ']' after"), (#"log-format "%[nope]""#, "unknown fetch method 'nope'"),
            (#"log-format %ci %cp"#, "'log-format' expects only one argument"),
            ("log-format", "'log-format' expects an argument: a log-format string"),
            ("log-steps closed", "invalid log step name (closed). Expected values are: accept, request, connect"),
            ("capture request header Host", "'capture request' expects 'len <length>'"),
            ("capture request field Host len 3", "expects 'header <name> len <length>', got 'field'"),
            ("capture response header Host len 0", "expects an integer between 1 and 65535, got '0'"),
            ("declare capture both len 3", "'declare capture' requires 'request' or 'response', got 'both'"),
            (
                "http-request capture str(a) id 0",
                "unable to find capture id '0' referenced by http-request capture rule"
            ),
            ("http-request do-log profile p", "unknown log-profile 'p'"),
            ("unique-id-header a:b", "'a:b' is not a header name"),
        ] as [(String, String)])
    func refusals(line: String, message: String) throws {
        let alerts = load("frontend f\n \(line)\n mode http\n").alerts
        #expect(alerts.count == 1 && alerts[0].contains(message), "\(alerts)")
    }

    @Test func formatsAndCapturesAreRead() throws {
        let result = load(
            """
            log-profile p
                log-tag special
                on any drop
                on close format "%ci" sd "-"
            frontend f
                bind :80
                timeout client 1s
                mode http
                log stdout sample 1,3-4:5 profile p local0
                log-format "%{+json}o %(client)ci"
                log-format-sd "[a@1 b=\\"%ST\\"]"
                error-log-format "%ci broke"
                option logasap
                option log-separate-errors
                option dontlog-normal
                capture request header Host len 10
                declare capture request len 20
                capture response header Server len 30
                capture cookie SID len 40
                http-request capture str(x) len 50
                unique-id-format %ci:%cp
                unique-id-header X-ID
            """)
        #expect(result.alerts == [])
        let frontend = try #require(result.configuration?.frontends.first)
        #expect(frontend.lines.format?.source == "%{+json}o %(client)ci")
        #expect(frontend.lines.structuredData != nil && frontend.lines.errorFormat != nil)
        #expect(frontend.lines.isEarly && frontend.lines.separatesErrors && frontend.lines.omitsNormal)
        #expect(frontend.captures.request.map(\.length) == [10, 20, 50])
        #expect(frontend.captures.response.map(\.length) == [30])
        #expect(frontend.captures.cookie == CaptureSettings.Cookie(prefix: Array("SID".utf8), length: 40))
        #expect(frontend.uniqueID.header == Array("x-id".utf8))
        let target = try #require(frontend.logs.first)
        #expect(target.sampling?.ranges == [1...1, 3...4] && target.sampling?.size == 5)
        let profile = try #require(result.configuration?.logProfiles[target.profile ?? -1])
        #expect(profile.tag == "special" && profile.other?.isDropped == true)
        #expect(profile.step(.close)?.format?.source == "%ci" && profile.step(.request)?.isDropped == true)
    }

    @Test func samplingTakesTheLinesOfItsRanges() {
        let sampling = LogSampling([2...3, 5...5], size: 5)
        #expect(
            (0..<10).map { _ in sampling.takesNext() } == [
                false, true, true, false, true, false, true, true, false, true,
            ])
    }
}
