import Bytes
import Messages

/// The pages that the origin shows to people.
enum OriginPage {
    /// The request as text.
    static func echo(_ head: MessageHead, received: UInt64) -> [UInt8] {
        var text = "\(head.methodText.string) \(head.path.string) \(head.version.text)\n"
        for index in 0..<head.fieldCount {
            text += "\(head.nameText(at: index).string): \(head.value(at: index).string)\n"
        }
        text += "\n\(received) bytes of body received\n"
        return Array(text.utf8)
    }

    /// The page at `/`.
    static func html(_ head: MessageHead) -> [UInt8] {
        var rows = ""
        for index in 0..<head.fieldCount {
            rows += "<tr><th>\(escape(head.nameText(at: index).string))</th>"
            rows += "<td>\(escape(head.value(at: index).string))</td></tr>"
        }
        return Array((top + rows + bottom).utf8)
    }

    private static func escape(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
        return result
    }

    private static let top = """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Portico</title><style>
        :root { color-scheme: light dark; --ink: light-dark(#1d2433, #e8ecf4); --soft: light-dark(#5b6579, #9aa6bd);
          --page: light-dark(#f5f6f9, #12161f); --card: light-dark(#fff, #1b2130); --line: light-dark(#e2e6ee, #2b3347);
          --glow: light-dark(#2f6df6, #7aa5ff); }
        body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
        main { max-width: 44rem; margin: 0 auto; padding: 3rem 1.25rem; }
        h1 { font-size: 1.1rem; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); margin: 0 0 1.5rem; }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.5rem; margin: 0 0 1.25rem; }
        .how { font-size: 3rem; font-weight: 700; line-height: 1.1; color: var(--glow); }
        p { margin: .6rem 0 0; color: var(--soft); }
        h2 { font-size: 1rem; margin: 0 0 .75rem; }
        table { border-collapse: collapse; width: 100%; font-size: .875rem; }
        th { text-align: left; font-weight: 500; color: var(--soft); padding: .3rem 1rem .3rem 0; white-space: nowrap; vertical-align: top; }
        td { padding: .3rem 0; word-break: break-word; font-family: ui-monospace, monospace; }
        tr + tr > * { border-top: 1px solid var(--line); }
        code { font: .875rem ui-monospace, monospace; background: var(--page); padding: .1rem .35rem; border-radius: 5px; }
        </style></head><body><main>
        <h1>Portico</h1>
        <section class="card"><div class="how" id="how">&hellip;</div>
        <p id="next">brought this page to the edge.</p></section>
        <section class="card"><h2>What the server behind it sees</h2><table>
        """

    private static let bottom = """
        </table></section>
        <section class="card"><h2>Try next</h2>
        <p>Reload: the answer offers HTTP/3 by <code>Alt-Svc</code>, and a browser that trusts the certificate takes it up.</p>
        <p><code>/?s=1m&amp;t=200</code> gives 1&nbsp;MiB after 200&nbsp;ms, <code>/?r=503</code> a status, <code>/echo</code> the request.</p>
        </section></main><script>
        const names = { "h3": "HTTP/3", "h2": "HTTP/2", "http/1.1": "HTTP/1.1", "http/1.0": "HTTP/1.0" };
        const entry = performance.getEntriesByType("navigation")[0];
        const used = entry && entry.nextHopProtocol || "";
        document.getElementById("how").textContent = names[used] || used || "HTTP";
        if (used === "h3") document.getElementById("next").textContent = "brought this page to the edge, over QUIC.";
        </script></body></html>

        """
}
