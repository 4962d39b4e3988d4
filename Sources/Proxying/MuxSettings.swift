package import Configuration
package import MuxHTTP1
package import MuxHTTP2
package import MuxHTTP3

/// What the muxes of a proxy are told, made from `tune.*` and the proxy's options.
package struct MuxSettings {
    package var http1Front = HTTP1FrontSettings()
    package var http1Back = HTTP1BackSettings()
    package var http2 = HTTP2Settings()
    package var http3 = HTTP3Settings()

    /// - Parameters:
    ///   - mode: how long HTTP/1 connections live; the stricter one of front and back half.
    ///   - abortOnClose: whether a client that half-closes while it waits is gone (`option abortonclose`).
    package init(_ tune: TuneSettings, mode: HTTPConnectionMode, abortOnClose: Bool) {
        http1Front.headLimit = tune.maxHeadSize
        http1Front.keepsAlive = mode < .close
        http1Front.abortsOnClose = abortOnClose
        http1Back.headLimit = tune.maxHeadSize
        http1Back.keepsAlive = mode == .keepAlive
        http2.maxConcurrentStreams = tune.http2.maxConcurrentStreams ?? .max
        http2.initialWindowSize = tune.http2.initialWindowSize
        http2.maxFrameSize = tune.http2.maxFrameSize
        http2.headerTableSize = tune.http2.headerTableSize
        http2.maxHeaderListSize = tune.maxHeadSize
        http2.receiveBuffer = tune.http2.receiveBuffer
        http2.maxTotalStreams = tune.http2.maxTotalStreams
        http2.limits.glitches = tune.http2.glitchesThreshold
        http3.maxConcurrentStreams = tune.quic.maxConcurrentStreams
        http3.maxTotalStreams = tune.quic.maxTotalStreams
        http3.maxFieldSectionSize = tune.maxHeadSize
        http3.streamReceiveWindow = tune.quic.streamReceiveBuffer(bufsize: tune.bufsize)
        http3.qpackEncoderCapacity = tune.quic.headerTableSize
        http3.limits.glitches = tune.quic.glitchesThreshold
    }

    /// Takes the numbers for connections to servers (`tune.h2.be.*`, `tune.quic.be.*`).
    package mutating func useServers(_ tune: TuneSettings, isSecure: Bool) {
        http2.maxConcurrentStreams = tune.serverHTTP2.maxConcurrentStreams ?? .max
        http2.initialWindowSize = tune.serverHTTP2.initialWindowSize
        http2.maxFrameSize = tune.serverHTTP2.maxFrameSize
        http2.headerTableSize = tune.serverHTTP2.headerTableSize
        http2.receiveBuffer = tune.serverHTTP2.receiveBuffer
        http2.maxTotalStreams = nil
        http2.limits.glitches = tune.serverHTTP2.glitchesThreshold
        http2.isSecure = isSecure
        http3.maxConcurrentStreams = tune.serverQUIC.maxConcurrentStreams
        http3.maxTotalStreams = nil
        http3.streamReceiveWindow = tune.serverQUIC.streamReceiveBuffer(bufsize: tune.bufsize)
        http3.limits.glitches = tune.serverQUIC.glitchesThreshold
    }
}
