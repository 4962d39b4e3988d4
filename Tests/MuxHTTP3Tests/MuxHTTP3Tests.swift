// Tests of MuxHTTP3.
