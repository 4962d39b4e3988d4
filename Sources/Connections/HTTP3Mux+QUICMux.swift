public import MuxHTTP3

extension HTTP3Mux: QUICMux {}
