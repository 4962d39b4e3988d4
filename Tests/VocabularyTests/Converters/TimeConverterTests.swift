import Testing

/// HTTP dates and strftime formats. Values and messages are HAProxy's.
struct TimeConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(\"Sun, 06 Nov 1994 08:49:37 GMT\"),date", "784111777"),
        ("str(\"Sunday, 06-Nov-94 08:49:37 GMT\"),date", "784111777"),
        ("str(\"Sunday, 06-Nov-1994 08:49:37 GMT\"),date", "784111777"),
        ("str(\"Sun Nov  6 08:49:37 1994\"),date", "784111777"),
        ("str(\"Sun Nov 16 08:49:37 1994\"),date", "784975777"),
        ("str(\"Sunday, 06-Nov-60 08:49:37 GMT\"),date", "2866956577"),
        ("str(\"Thu, 01 Jan 1970 00:00:00 GMT\"),date", "0"),
        ("str(\"Thu, 29 Feb 2024 12:00:00 GMT\"),date", "1709208000"),
        ("str(\"Fri, 01 Mar 2024 12:00:00 GMT\"),date", "1709294400"),
        ("str(\"Mon, 01 Mar 2100 00:00:00 GMT\"),date", "4107542400"),
        ("str(\"Fri, 31 Dec 9999 23:59:59 GMT\"),date", "253402300799"),
        ("str(\"Sun, 99 Nov 1994 99:99:99 GMT\"),date", "792477639"),
        ("str(\"Sun, 31 Feb 2023 00:00:00 GMT\"),date", "1677801600"),
        ("str(\"Mon, 06 Nov 1994 08:49:37 GMT trailing\"),date", "784111777"),
        ("str(\"Sun, 6 Nov 1994 08:49:37 GMT\"),date", nil), ("str(\"Sun, 06 nov 1994 08:49:37 GMT\"),date", nil),
        ("str(\"sun, 06 Nov 1994 08:49:37 GMT\"),date", nil), ("str(\"Sun, 06 Nov 1994 08:49:37 CET\"),date", nil),
        ("str(\"Sun, 06 Nov 1994 08:49 GMT\"),date", nil), ("str(\"Sun, 06 Nov 94 08:49:37 GMT\"),date", nil),
        ("str(\"Sunday, 06-Nov-94 08:49:37\"),date", nil), ("str(\"Sunxxx, 06-Nov-94 08:49:37 GMT\"),date", nil),
        ("str(),date", nil), ("int(784111777),date", nil),
        ("int(784111777),http_date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("int(784111777),http_date(3600)", "Sun, 06 Nov 1994 09:49:37 GMT"),
        ("int(784111777),http_date(-3600)", "Sun, 06 Nov 1994 07:49:37 GMT"),
        ("int(784111777),http_date(0,s)", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("int(784111777123),http_date(0,ms)", "Sun, 06 Nov 1994 08:49:37.123 GMT"),
        ("int(784111777007),http_date(1,ms)", "Sun, 06 Nov 1994 08:49:37.8 GMT"),
        ("int(784111777123456),http_date(0,us)", "Sun, 06 Nov 1994 08:49:37.123456 GMT"),
        ("int(-1),http_date", "Sun, 13 Jun 1141709097 06:26:07 GMT"),
        ("int(253402300800),http_date", "Sat, 01 Jan 10000 00:00:00 GMT"),
        ("int(9223372036854775807),http_date", "Sun, 13 Jun 1141709097 06:26:07 GMT"),
        ("int(5),http_date()", "Thu, 01 Jan 1970 00:00:05 GMT"),
        ("int(784111777),utime(%Y-%m-%dT%H:%M:%SZ)", "1994-11-06T08:49:37Z"),
        ("int(784111777),utime(%a %d %b %Y %j,86400)", "Mon 07 Nov 1994 311"),
        ("int(784111777),utime(%s%N)", "784111777%N"), ("int(784111777),utime()", ""), ("int(784111777),utime", ""),
        ("int(784111777),utime(%%Y)", "%Y"), ("int(-1),utime(%Y)", "1141709097"),
        ("int(0),utime(%F %T,-1)", "1969-12-31 23:59:59"),
        ("int(784111777123),ms_utime(%H:%M:%S.%3N)", "08:49:37.123"),
        ("int(784111777123),ms_utime(%N)", "123000000"),
        ("int(784111777123),ms_utime(%6N|%9N|%12N|%0N|%1N)", "123000|123000000|123000000||1"),
        ("int(784111777123),ms_utime(%%N)", ""),
        (
            "int(784111777123),ms_utime(%%3N)",
            "                                                                                                                       %123"
        ),
        ("int(784111777123),ms_utime(%H,3600)", "09"), ("int(784111777123),ms_utime(%)", "%"),
        ("int(784111777123),ms_utime(%3)", " %3"), ("int(784111777123),ms_utime(%3N%)", "123%"),
        ("int(-1),ms_utime(%F %T.%3N)", "1970-01-01 00:00:00.184"),
        ("int(-1500),ms_utime(%F %T.%N)", "1969-12-31 23:59:59.184467440"),
        ("int(784111777123456),us_utime(%H:%M:%S.%6N)", "08:49:37.123456"),
        ("int(784111777000007),us_utime(%N)", "000007000"), ("int(784111777123456),us_utime(%3N,10)", "123"),
        ("int(-1),us_utime(%T.%N)", "00:00:00.184467440"),
        ("int(784111777),ltime(%Y-%m-%dT%H:%M:%S)", "1994-11-06T08:49:37"),
        ("int(784111777),ltime(%Y,31536000)", "1995"), ("int(784111777),ltime(%H%M,-60)", "0848"),
        ("int(784111777123),ms_ltime(%H:%M:%S.%3N)", "08:49:37.123"),
        ("int(784111777123),ms_ltime(%s.%N)", "784111777.123000000"), ("int(784111777123),ms_ltime(%S,1)", "38"),
        ("int(0),ms_ltime(%N)", "000000000"), ("int(784111777123456),us_ltime(%H:%M:%S.%6N)", "08:49:37.123456"),
        ("int(784111777123456),us_ltime(%s.%N)", "784111777.123456000"),
        ("int(784111777123456),us_ltime(%S,1)", "38"), ("int(0),us_ltime(%1N)", "0"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        (
            "int(1),http_date(x)",
            "invalid arg 1 in converter 'http_date' : failed to parse 'x' as type 'integer' at position 1"
        ),
        ("int(1),http_date(0,h)", "invalid args in converter 'http_date' : expects 's', 'ms' or 'us', got 'h'"),
        ("int(1),http_date(,ms)", "invalid arg 1 in converter 'http_date' : expected ')' before ',ms)'"),
        ("int(1),http_date(0,s,1)", "invalid arg 2 in converter 'http_date' : expected ')' before ',1)'"),
        (
            "int(1),utime(%Y,x)",
            "invalid arg 2 in converter 'utime' : failed to parse 'x' as type 'integer' at position 2"
        ),
        ("int(1),ltime(%Y,1,2)", "invalid arg 2 in converter 'ltime' : expected ')' before ',2)'"),
        (
            "int(1),ms_utime(%Y,x)",
            "invalid arg 2 in converter 'ms_utime' : failed to parse 'x' as type 'integer' at position 2"
        ),
        (
            "int(1),us_ltime(%Y,x)",
            "invalid arg 2 in converter 'us_ltime' : failed to parse 'x' as type 'integer' at position 2"
        ),
        ("str(x),date(1)", "invalid arg 1 in converter 'date' : expected ')' before '1)'"),
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
