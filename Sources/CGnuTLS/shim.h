// What Swift needs of GnuTLS. Function-like macros and mutable globals, which Swift cannot use, get a function here.
#pragma once
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

/// Memory that GnuTLS will free with its own allocator (a signature handed back to it).
static inline void *_Nullable portico_gnutls_malloc(size_t size) {
    return gnutls_malloc(size);
}

/// Frees what GnuTLS allocated (a gnutls_datum_t it filled in).
static inline void portico_gnutls_free(void *_Nullable block) {
    gnutls_free(block);
}

/// The signature algorithm that a gnutls_privkey_info_func is asked about.
static inline gnutls_sign_algorithm_t portico_gnutls_flags_to_sign_algorithm(unsigned flags) {
    return (gnutls_sign_algorithm_t)GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
}
