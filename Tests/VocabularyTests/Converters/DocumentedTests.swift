import Testing

/// Rows in which HAProxy 3.5-dev5 gives something else than its documentation says, each by a slip in its code, and
/// Portico follows the documentation.
struct DocumentedTests {
    static let values: [ConverterTable.Value] = [
        // HAProxy shifts bytes in 32 bits: numbers of more than 31 bits come out wrong.
        ("bin(000000ff),le2dec(:,4)", "4278190080"),
        ("bin(0000000001),le2dec(:,5)", "4294967296"), ("bin(0102030405060708),le2dec(:,8)", "578437695752307201"),
        // HAProxy loses the language behind a weight of 0.
        ("str('fr;q=0,en;q=0.1'),language(fr;en)", "en"),
        // HAProxy counts days before 1970 in 32 bits without a sign.
        ("str('Wed, 31 Dec 1969 23:59:59 GMT'),date", "-1"),
        ("str('Sunday, 06-Nov-61 08:49:37 GMT'),date", "-257267423"),
        ("str('Sat, 01 Mar 0000 00:00:00 GMT'),date", "-62162035200"),
        // HAProxy takes an empty cache for the time 0.
        ("int(0),http_date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("int(0),utime(%F %T)", "1970-01-01 00:00:00"),
        ("int(0),ltime(%s)", "0"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }
}
