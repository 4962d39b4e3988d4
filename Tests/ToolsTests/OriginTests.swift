import Foundation
import Testing

/// Each thing that a URL can ask portico-origin for, as curl sees it.
@Suite struct OriginTests {
    @Test(arguments: Way.ofCurl, [("0", 0), ("1", 1), ("34", 34), ("1k", 1024), ("3m", 3 << 20)])
    func size(way: Way, size: (text: String, bytes: Int)) async throws {
        let answer = try await Curl.get(way, "/?s=\(size.text)")
        #expect(answer.status == 200)
        #expect(answer.has("content-length: \(size.bytes)"))
        #expect(answer.body.count == size.bytes)
        #expect(answer.body.allSatisfy { $0 < 0x80 })
    }

    @Test(arguments: Way.ofCurl) func delay(way: Way) async throws {
        let answer = try await Curl.get(way, "/?s=5&t=300")
        // The origin counts from the start of its loop's turn, which a busy machine makes long.
        #expect(answer.seconds >= 0.25)
        #expect(answer.body.count == 5)
    }

    @Test(arguments: Way.ofCurl, [201, 404, 503, 599]) func status(way: Way, status: Int) async throws {
        let answer = try await Curl.get(way, "/?r=\(status)&s=3")
        #expect(answer.status == status)
        #expect(answer.body.count == 3)
    }

    /// RFC 9110 section 6.4.1: these have no content.
    @Test(arguments: Way.ofCurl, [204, 304]) func statusWithoutBody(way: Way, status: Int) async throws {
        let answer = try await Curl.get(way, "/?r=\(status)&s=3")
        #expect(answer.status == status)
        #expect(answer.body.isEmpty)
    }

    @Test(arguments: Way.ofCurl, ["100", "101", "0", "600", "99999999999999999999", "x"])
    func statusThatCanNotBe(way: Way, status: String) async throws {
        #expect(try await Curl.get(way, "/?r=\(status)").status == 200)
    }

    @Test(arguments: Way.ofCurl) func openLength(way: Way) async throws {
        let answer = try await Curl.get(way, "/?s=100k&k=1")
        #expect(!answer.names("content-length"))
        #expect(answer.has("transfer-encoding: chunked") == way.isHTTP1)
        #expect(answer.body.count == 102_400)
    }

    @Test(arguments: Way.ofCurl) func trailers(way: Way) async throws {
        let answer = try await Curl.get(way, "/?s=10&T=x-sum:abc&T=x-more:2")
        #expect(answer.body.count == 10)
        #expect(answer.has("x-sum: abc"))
        #expect(answer.has("x-more: 2"))
    }

    @Test(arguments: Way.ofCurl) func randomBytes(way: Way) async throws {
        let answer = try await Curl.get(way, "/?s=4k&R=1")
        #expect(answer.body.count == 4096)
        #expect(answer.body.contains { $0 >= 0x80 })
    }

    @Test(arguments: Way.ofCurl) func fields(way: Way) async throws {
        let answer = try await Curl.get(way, "/?H=x-one:1&H=X-Two:b:c")
        #expect(answer.has("x-one: 1"))
        #expect(answer.has("x-two: b:c"))
    }

    /// HTTP/2 has no such field (RFC 9113 section 8.2.2).
    @Test(arguments: Way.ofCurl) func close(way: Way) async throws {
        let answer = try await Curl.get(way, "/?s=2&C=1")
        #expect(answer.has("connection: close") == way.isHTTP1)
        #expect(answer.body.count == 2)
    }

    @Test(arguments: Way.ofCurl) func echo(way: Way) async throws {
        let answer = try await Curl.get(way, "/echo?a=b", ["-H", "X-Mine: 5", "-d", "hello"])
        #expect(answer.text.hasPrefix("POST /echo?a=b HTTP/\(way.isHTTP1 ? "1.1" : "2.0")\n"))
        #expect(answer.text.contains("\nx-mine: 5\n"))
        #expect(answer.text.hasSuffix("\n5 bytes of body received\n"))
    }

    @Test(arguments: Way.ofCurl) func health(way: Way) async throws {
        let answer = try await Curl.get(way, "/healthz")
        #expect(answer.status == 204)
        #expect(answer.body.isEmpty)
    }

    @Test(arguments: Way.ofCurl, [0, 1, 100_000, 3_000_000]) func post(way: Way, size: Int) async throws {
        let answer = try await Curl.get(
            way, "/", ["-X", "POST", "-H", "Expect:", "--data-binary", "@-"], input: Data(repeating: 0x61, count: size))
        #expect(answer.status == 200)
        #expect(answer.text == "portico-origin: \(size) bytes received\n")
    }

    @Test(arguments: Way.ofCurl) func head(way: Way) async throws {
        let answer = try await Curl.get(way, "/?s=1k", ["-I"])
        #expect(answer.status == 200)
        #expect(answer.has("content-length: 1024"))
    }

    @Test(arguments: Way.ofCurl) func pageForBrowsers(way: Way) async throws {
        let answer = try await Curl.get(way, "/", ["-H", "Accept: text/html", "-H", "X-Evil: <script>"])
        #expect(answer.has("content-type: text/html; charset=utf-8"))
        #expect(answer.text.contains("&lt;script&gt;"))
    }
}
