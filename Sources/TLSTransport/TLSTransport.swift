// Certificates, SNI, ALPN, tickets: OpenSSL for TCP, GnuTLS for QUIC.
