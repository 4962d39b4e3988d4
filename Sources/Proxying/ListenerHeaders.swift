import Configuration
import Connections

extension BindSettings {
    /// The header that each connection of the line begins with.
    var expectedHeader: ConnectionHeader? {
        if acceptsProxyHeader { return .proxy }
        return addressMagic.map { .addresses(magic: $0) }
    }
}
