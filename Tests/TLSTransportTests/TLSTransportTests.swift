// Tests of TLSTransport.
