import Testing

/// The choice of a language. Values and messages are HAProxy's.
struct LanguageConverterTests {
    static let values: [ConverterTable.Value] = [
        ("str(\"fr,en;q=0.5\"),language(es;fr;en)", "fr"), ("str(\"en;q=0.5,fr;q=0.8\"),language(es;fr;en)", "fr"),
        ("str(\"de\"),language(es;fr;en)", nil), ("str(\"de\"),language(es;fr;en,en)", "en"),
        ("str(\"de\"),language(es;fr;en,)", nil), ("str(\"fr-CA,en\"),language(fr;en)", "fr"),
        ("str(\"fr-CA,en\"),language(fr-CA;fr;en)", "fr-CA"), ("str(\"fr-CA,en\"),language(fr;fr-CA;en)", "fr"),
        ("str(\"fr\"),language(fr-CA,en)", "en"), ("str(\"FR\"),language(fr;en,xx)", "xx"),
        ("str(\"fr;q=0\"),language(fr)", nil), ("str(\"fr;q=1.5,en\"),language(en;fr)", "fr"),
        ("str(\"fr;q=0.9999,en;q=0.9999\"),language(en;fr)", "fr"), ("str(\"fr;q=,en\"),language(en;fr)", "fr"),
        ("str(\"fr;q=x,en\"),language(en;fr)", "fr"), ("str(\"fr;x=1,en\"),language(en;fr)", "fr"),
        ("str(\"fr ; q = 0.3 , en ; q = 0.4\"),language(en;fr)", "en"),
        ("str(\"fr foo,en;q=0.1\"),language(en;fr)", "en"), ("str(\"fr;q=0.5,en;q=0.5\"),language(en;fr)", "fr"),
        ("str(\" , ,;,fr\"),language(en;fr)", "fr"), ("str(\"\"),language(en;fr)", nil),
        ("str(\"\"),language(en;fr,de)", "de"), ("str(\"fr\"),language()", nil), ("str(\"fr\"),language", nil),
        ("str(\"-x,fr\"),language(;fr)", nil), ("str(\"fr;q=0.12,en;q=0.123\"),language(en;fr)", "en"),
        ("str(\"fr;q=0.,en;q=0.001\"),language(en;fr)", "en"), ("str(\"fr;\"),language(en;fr)", "fr"),
        ("str(\"fr;q\"),language(en;fr)", "fr"), ("str(\"fr;q=\"),language(en;fr)", "fr"),
        ("str(\"french,en;q=0.2\"),language(fr;en)", "en"),
    ]

    @Test(arguments: values)
    func gives(_ expression: String, _ value: String?) throws {
        let found = try ConverterTable.value(expression)
        #expect(found == value)
    }

    static let refusals: [ConverterTable.Refusal] = [
        ("str(\"fr\"),language(a,b,c)", "invalid arg 2 in converter 'language' : expected ')' before ',c)'")
    ]

    @Test(arguments: refusals)
    func refuses(_ expression: String, _ message: String) {
        let complaint = ConverterTable.complaint(expression)
        #expect(complaint?.hasPrefix(message) == true)
    }
}
