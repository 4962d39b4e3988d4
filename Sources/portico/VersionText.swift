import Bytes
import Language
import MuxHTTP2
import MuxHTTP3
import QUICTransport
import TLSTransport

/// What `-v` and its like print.
enum VersionText {
    /// This program's own version.
    static let own = "0.1.0"

    static func text(_ request: CommandLineOptions.VersionRequest) -> String {
        let spoken = Release.spoken
        switch request {
        case .plain: return "\(spoken)\n"
        case .plainShort: return "\(spoken)\n"
        case .branch: return "\(spoken.branch)\n"
        case .short: return head
        case .full: return head + details
        }
    }

    private static var head: String {
        """
        Portico version \(own), speaks the configuration language of HAProxy version \(Release.spoken)

        """
    }

    private static var details: String {
        let versions =
            TLSLibraries.versions + QUICLibraries.versions + HTTP3Libraries.versions + HTTP2Libraries.versions
        var text = "\nFeature list : "
        text += Dialect().featureList + "\n\n"
        for library in versions {
            text += "Built with \(library.name) version : \(library.built)\n"
            text += "Running on \(library.name) version : \(library.running)\n"
        }
        text += """

            Available polling systems :
                  epoll : pref=300,  test result OK
            Total: 1 (1 usable), will use epoll.

            Available multiplexer protocols :
                   quic : mode=HTTP  side=FE     mux=QUIC
                     h2 : mode=HTTP  side=FE|BE  mux=H2
                     h1 : mode=HTTP  side=FE|BE  mux=H1
                   none : mode=TCP   side=FE|BE  mux=PASS

            """
        return text
    }
}
