import Messages
import MuxHTTP2
import Streams
import Testing

@Suite("HTTP/2 connections that are idle") struct RestTests {
    @Test("The session of an idle connection takes little, and goes on from there") func rests() throws {
        let link = try Link()
        for number in 0..<3 {
            let client = try link.request("GET", "/\(number)", fields: [("x-a", "\(number)")])
            link.run()
            let server = try #require(link.server.records.last)
            #expect(server.exchange?.request.head?.field("x-a") == "\(number)")
            try server.respond(body: "hello")
            link.run()
            #expect(client.exchange?.response.takeText() == "hello")
            client.exchange?.frontFinished()
            let size = link.server.mux.restingSize
            #expect(size > 500)
            #expect(size < 8000)
            // It rests already, and the client's side has no use for it.
            let again = link.server.mux.rest()
            let other = link.client.mux.rest()
            #expect(!again)
            #expect(!other)
            // What is asked of the session ends the rest.
            let wants = link.server.mux.wantsInput
            #expect(wants)
            #expect(link.server.mux.restingSize == 0)
        }
        link.close()
    }
}
