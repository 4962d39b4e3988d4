// What Swift needs of OpenSSL 3. Function-like macros, which Swift cannot import, get a function here.
#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <openssl/core_names.h>

/// Reads that meet an encrypted key must fail: the default callback asks on the terminal.
static inline int portico_no_passphrase(char *_Nullable buffer, int size, int writing, void *_Nullable data) {
    (void)buffer;
    (void)size;
    (void)writing;
    (void)data;
    return -1;
}

/// The next certificate of a PEM text, or NULL; ownership passes to the caller.
static inline X509 *_Nullable portico_pem_read_certificate(BIO *_Nonnull bio) {
    return PEM_read_bio_X509(bio, NULL, portico_no_passphrase, NULL);
}

/// The first private key of a PEM text, or NULL; ownership passes to the caller.
static inline EVP_PKEY *_Nullable portico_pem_read_private_key(BIO *_Nonnull bio) {
    return PEM_read_bio_PrivateKey(bio, NULL, portico_no_passphrase, NULL);
}

/// The first public key of a PEM text, or NULL; ownership passes to the caller.
static inline EVP_PKEY *_Nullable portico_pem_read_public_key(BIO *_Nonnull bio) {
    return PEM_read_bio_PUBKEY(bio, NULL, portico_no_passphrase, NULL);
}

static inline STACK_OF(X509) *_Nullable portico_x509_stack_new(void) {
    return sk_X509_new_null();
}

/// Pushes one more reference to `certificate`; 0 when memory is out.
static inline int portico_x509_stack_push(STACK_OF(X509) *_Nonnull stack, X509 *_Nonnull certificate) {
    if (!X509_up_ref(certificate)) {
        return 0;
    }
    if (sk_X509_push(stack, certificate) <= 0) {
        X509_free(certificate);
        return 0;
    }
    return 1;
}

/// Frees the stack and one reference to each certificate in it.
static inline void portico_x509_stack_free(STACK_OF(X509) *_Nullable stack) {
    sk_X509_pop_free(stack, X509_free);
}

/// The next revocation list of a PEM text, or NULL; ownership passes to the caller.
static inline X509_CRL *_Nullable portico_pem_read_revocation_list(BIO *_Nonnull bio) {
    return PEM_read_bio_X509_CRL(bio, NULL, portico_no_passphrase, NULL);
}

/// Chains are checked for revoked certificates, each certificate of them.
static inline void portico_x509_store_check_revocations(X509_STORE *_Nonnull store) {
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

/// Writes what a revocation list holds; 0 when memory is out.
static inline int portico_x509_crl_print(X509_CRL *_Nonnull list, BIO *_Nonnull out) {
    BIO_printf(out, "Version %ld\n", X509_CRL_get_version(list) + 1);
    BIO_printf(out, "Signature Algorithm: %s\n", OBJ_nid2ln(X509_CRL_get_signature_nid(list)));
    BIO_puts(out, "Issuer: ");
    const X509_NAME *issuer = X509_CRL_get_issuer(list);
    for (int index = 0; index < X509_NAME_entry_count(issuer); index++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(issuer, index);
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
        int number = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        BIO_printf(out, "/%s=", number == NID_undef ? "UNDEF" : OBJ_nid2sn(number));
        BIO_write(out, ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
    }
    BIO_puts(out, "\nLast Update: ");
    ASN1_TIME_print(out, X509_CRL_get0_lastUpdate(list));
    BIO_puts(out, "\nNext Update: ");
    if (X509_CRL_get0_nextUpdate(list) != NULL) {
        ASN1_TIME_print(out, X509_CRL_get0_nextUpdate(list));
    }
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(list);
    BIO_puts(out, sk_X509_REVOKED_num(revoked) > 0 ? "\nRevoked Certificates:\n" : "\nNo Revoked Certificates.\n");
    for (int index = 0; index < sk_X509_REVOKED_num(revoked); index++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(revoked, index);
        BIO_puts(out, "    Serial Number: ");
        i2a_ASN1_INTEGER(out, X509_REVOKED_get0_serialNumber(entry));
        BIO_puts(out, "\n        Revocation Date: ");
        ASN1_TIME_print(out, X509_REVOKED_get0_revocationDate(entry));
        BIO_puts(out, "\n");
    }
    return 1;
}

static inline int portico_general_name_count(const GENERAL_NAMES *_Nonnull names) {
    return sk_GENERAL_NAME_num(names);
}

/// The dNSName at `index`, or NULL when that name is of another type. Borrowed.
static inline const ASN1_STRING *_Nullable portico_general_name_dns(const GENERAL_NAMES *_Nonnull names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name != NULL && name->type == GEN_DNS ? name->d.dNSName : NULL;
}

static inline void portico_general_names_free(GENERAL_NAMES *_Nullable names) {
    GENERAL_NAMES_free(names);
}

// MARK: SSL_CTX: macros over SSL_CTX_ctrl, and option bits that are macros of macros

/// What every context here has in common: no compression, no renegotiation, partial writes with a buffer that may
/// move, buffers given back while a connection is idle, no chain building, and a whole record fetched by one read.
/// A FIN without close_notify reads as an end, not as an error that would forbid writing too; the caller tells the two
/// apart by the alerts it has seen.
static inline void portico_ssl_ctx_set_common(SSL_CTX *_Nonnull context, size_t read_buffer_size) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, read_buffer_size);
}

/// The server's order of ciphers decides, but a client that wants ChaCha20 first (no AES hardware) gets it.
static inline void portico_ssl_ctx_prefer_server_ciphers(SSL_CTX *_Nonnull context) {
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

static inline void portico_ssl_ctx_disable_tickets(SSL_CTX *_Nonnull context) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
}

static inline int portico_ssl_ctx_set_versions(SSL_CTX *_Nonnull context, int oldest, int newest) {
    return SSL_CTX_set_min_proto_version(context, oldest) == 1 && SSL_CTX_set_max_proto_version(context, newest) == 1;
}

static inline int portico_ssl_ctx_set_groups(SSL_CTX *_Nonnull context, const char *_Nonnull list) {
    return (int)SSL_CTX_set1_groups_list(context, list);
}

static inline int portico_ssl_ctx_set_signature_algorithms(SSL_CTX *_Nonnull context, const char *_Nonnull list) {
    return (int)SSL_CTX_set1_sigalgs_list(context, list);
}

static inline void portico_ssl_ctx_set_server_name_callback(
    SSL_CTX *_Nonnull context, int (*_Nonnull callback)(SSL *_Nullable, int *_Nullable, void *_Nullable),
    void *_Nullable argument) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
    SSL_CTX_set_tlsext_servername_arg(context, argument);
}

/// Goes on with another context, once the client's hello is known: certificates, ciphers, verification, versions, and the
/// list of authorities. 0 when memory is out.
static inline int portico_ssl_switch_context(SSL *_Nonnull ssl, SSL_CTX *_Nonnull context) {
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(SSL_CTX_get_client_CA_list(context));
    SSL_set_client_CA_list(ssl, names);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), SSL_CTX_get_verify_callback(context));
    return SSL_set_SSL_CTX(ssl, context) != NULL &&
           SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(context)) == 1 &&
           SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(context)) == 1;
}

static inline int portico_ssl_set_groups(SSL *_Nonnull ssl, const char *_Nonnull list) {
    return (int)SSL_set1_groups_list(ssl, list);
}

static inline void portico_ssl_ctx_set_session_cache_mode(SSL_CTX *_Nonnull context, long mode) {
    SSL_CTX_set_session_cache_mode(context, mode);
}

static inline int portico_ssl_ctx_set_store(SSL_CTX *_Nonnull context, X509_STORE *_Nonnull store) {
    return (int)SSL_CTX_set1_verify_cert_store(context, store);
}

static inline int portico_ssl_set_server_name(SSL *_Nonnull ssl, const char *_Nonnull name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

/// Bit 7 and up of an info callback's `where`: an alert was read or written.
static inline int portico_ssl_info_is_alert(int where) {
    return (where & SSL_CB_ALERT) != 0;
}

static inline int portico_ssl_info_is_read(int where) {
    return (where & SSL_CB_READ) != 0;
}

/// Sets HMAC-SHA-256 with `key` on a session ticket's MAC context.
static inline int portico_ticket_mac_init(EVP_MAC_CTX *_Nonnull context, const void *_Nullable key, size_t size) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, size),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(context, parameters);
}

// MARK: Certificates of peers

/// The number of certificates of a stack that may be missing.
static inline int portico_x509_stack_count(const STACK_OF(X509) *_Nullable stack) {
    return stack == NULL ? 0 : sk_X509_num(stack);
}

/// The certificate at `index`, borrowed.
static inline X509 *_Nullable portico_x509_stack_get(const STACK_OF(X509) *_Nonnull stack, int index) {
    return sk_X509_value(stack, index);
}

/// The object identifier of the group that the handshake agreed on; 0 before, and without one.
static inline int portico_ssl_negotiated_group(SSL *_Nonnull ssl) {
    return (int)SSL_get_negotiated_group(ssl);
}

/// Writes a certificate's alternative names, as OpenSSL prints them, with commas between; 0 when it has none.
static inline int portico_x509_print_names(const X509 *_Nonnull certificate, BIO *_Nonnull out) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (names == NULL) {
        return 0;
    }
    for (int index = 0; index < sk_GENERAL_NAME_num(names); index++) {
        if (index > 0) {
            BIO_puts(out, ", ");
        }
        GENERAL_NAME_print(out, sk_GENERAL_NAME_value(names, index));
    }
    GENERAL_NAMES_free(names);
    return 1;
}

/// The object identifiers of a certificate's policies; NULL without any. Freed by portico_x509_policies_free.
static inline CERTIFICATEPOLICIES *_Nullable portico_x509_policies(const X509 *_Nonnull certificate) {
    return X509_get_ext_d2i(certificate, NID_certificate_policies, NULL, NULL);
}

static inline int portico_x509_policy_count(const CERTIFICATEPOLICIES *_Nonnull policies) {
    return sk_POLICYINFO_num(policies);
}

/// Writes the number of policy `index` as text; its length, or a number below 1.
static inline int portico_x509_policy_text(
    const CERTIFICATEPOLICIES *_Nonnull policies, int index, char *_Nonnull text, int size) {
    return OBJ_obj2txt(text, size, sk_POLICYINFO_value(policies, index)->policyid, 1);
}

static inline void portico_x509_policies_free(CERTIFICATEPOLICIES *_Nullable policies) {
    CERTIFICATEPOLICIES_free(policies);
}

/// How RFC 2253 writes a name: a flag that is a macro of macros.
static const unsigned long portico_x509_name_rfc2253 = XN_FLAG_RFC2253;
