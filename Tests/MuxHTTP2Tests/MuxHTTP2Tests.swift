// Tests of MuxHTTP2.
