// HTTP/3: QUIC stream bytes to exchanges and back.
