// Tests of QUICTransport.
