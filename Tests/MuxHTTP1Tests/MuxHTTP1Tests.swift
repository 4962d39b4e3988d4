// Tests of MuxHTTP1.
