import Configuration
import Synchronization

// Words of operators and agents about a server's weight and limit (management.txt section 9.3, "set weight").
extension SharedServer {
    /// Sets the weight, absolute or in percent of the configured one. Returns HAProxy's words when it can not be.
    public func changeWeight(to text: String) -> String? {
        guard !text.isEmpty else { return "Require <weight> or <weight%>." }
        guard let (number, rest) = Self.leadingNumber(text) else {
            return "Empty weight string empty or preceded by garbage"
        }
        var weight = number
        let configured = settings.weight
        if rest == "%" {
            guard number >= 0 else { return "Relative weight must be positive." }
            weight = min(256, configured * min(number, 25_600) / 100)
        } else if number < 0 || number > 256 {
            return "Absolute weight can only be between 0 and 256 inclusive."
        } else if !rest.isEmpty {
            return "Trailing garbage in weight string"
        }
        if weight != 0, weight != configured, !backend.settings.hasDynamicWeights {
            return "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'."
        }
        setWeight(weight)
        return nil
    }

    /// Sets `maxconn`. Returns HAProxy's words when it can not be.
    public func changeMaxconn(to text: String) -> String? {
        guard !text.isEmpty else { return "Require <maxconn>." }
        guard let (number, rest) = Self.leadingNumber(text) else {
            return "maxconn string empty or preceded by garbage"
        }
        guard rest.isEmpty else { return "Trailing garbage in maxconn string" }
        setMaxconn(max(0, number))
        return nil
    }

    /// The number that a text starts with, and the rest.
    private static func leadingNumber(_ text: String) -> (Int, rest: String)? {
        let sign = text.hasPrefix("-") || text.hasPrefix("+") ? String(text.prefix(1)) : ""
        let digits = text.dropFirst(sign.count).prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty else { return nil }
        let value = Int(sign + digits) ?? (sign == "-" ? Int.min : Int.max)
        return (value, String(text.dropFirst(sign.count + digits.count)))
    }
}
