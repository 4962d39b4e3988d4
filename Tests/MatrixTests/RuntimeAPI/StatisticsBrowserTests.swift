import Foundation
import TestSupport
import Testing

/// The statistics page in a real browser: the page as it is served, and a script that uses it as a reader would.
@Suite(
    "The statistics page in a browser", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/chromium")))
struct StatisticsBrowserTests {
    /// Serves the page, lets Chromium run `script` on it, and returns what the script has left in `#result`.
    private func run(_ script: String, width: Int = 1400, dark: Bool = false) async throws -> String {
        let port = try Ports.free()
        let process = try await ListenerProcess(
            ListenerProcess.sections(
                """
                frontend web
                bind 127.0.0.1:\(port)
                stats uri /stats
                stats admin if TRUE
                default_backend back
                backend back
                server bravo 127.0.0.1:1 weight 2
                server alpha 127.0.0.1:1 weight 10
                server charlie 127.0.0.1:1 weight 1
                backend other
                server delta 127.0.0.1:1
                """), in: try ListenerFolder())
        let socket = try RawSocket(connectingTo: port)
        let answer = await socket.blocking { $0.exchange("/stats") }
        let page = String(try #require(answer.split(separator: "\r\n\r\n", maxSplits: 1).last))
        let use =
            "<script>var out=document.createElement('pre');out.id='result';"
            + "try{out.textContent=String((function(){\(script)})())}catch(e){out.textContent='error '+e}"
            + "document.body.appendChild(out)</script></body>"
        let file = try process.folder.write("page.html", page.replacing("</body>", with: use))
        var arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--window-size=\(width),1000",
            "--user-data-dir=\(process.folder.path)/profile", "--virtual-time-budget=2000", "--dump-dom",
        ]
        if dark { arguments.append("--blink-settings=preferredColorScheme=0") }
        let result = try await ChildProcess.run(
            "/usr/bin/chromium", arguments + ["file://\(file)"], within: .seconds(60))
        let parts = result.output.components(separatedBy: "<pre id=\"result\">")
        #expect(parts.count == 2, "\(result.errors)")
        return parts.last?.components(separatedBy: "</pre>").first ?? ""
    }

    private static let names =
        "[].map.call(document.querySelectorAll('[data-proxy=back] tbody tr:not([hidden])'),function(r){return r.children[0].dataset.v}).join()"

    @Test func sorts() async throws {
        let script = """
            function head(n){return [].filter.call(document.querySelectorAll('[data-proxy=back] thead tr:last-child th'),\
            function(t){return t.title.trim()===n})[0]}
            var seen=[];
            head('Name').querySelector('button').click();seen.push(\(Self.names));
            head('Name').querySelector('button').click();seen.push(\(Self.names));
            head('Server Weight').querySelector('button').click();seen.push(\(Self.names));
            seen.push(head('Server Weight').getAttribute('aria-sort'));
            head('Server Weight').querySelector('button').click();seen.push(\(Self.names));
            return seen.join(' ')
            """
        #expect(
            try await run(script)
                == "alpha,bravo,charlie,Backend alpha,bravo,charlie,Backend alpha,bravo,charlie,Backend descending"
                + " charlie,bravo,alpha,Backend")
    }

    @Test func filters() async throws {
        let script = """
            var find=document.getElementById('find'),seen=[];
            function type(t){find.value=t;find.dispatchEvent(new Event('input'));\
            seen.push(\(Self.names)+'/'+document.querySelector('[data-proxy=other]').hidden)}
            type('alp');type('delta');type('');
            return seen.join(' ')
            """
        #expect(
            try await run(script) == "alpha/true /false bravo,alpha,charlie,Backend/false")
    }

    @Test(arguments: [(1400, false), (420, false), (420, true), (1400, true)])
    func fitsTheWindow(width: Int, dark: Bool) async throws {
        let script = """
            var style=getComputedStyle(document.body),form=document.querySelector('[data-proxy=back] form');
            return [document.documentElement.scrollWidth<=window.innerWidth,style.backgroundColor,
            form.querySelectorAll('input[name=s]').length,
            getComputedStyle(document.querySelector('thead')).display].join('|')
            """
        let display = width < 720 ? "none" : "table-header-group"
        let background = dark ? "rgb(16, 20, 27)" : "rgb(245, 246, 248)"
        #expect(try await run(script, width: width, dark: dark) == "true|\(background)|3|\(display)")
    }
}
