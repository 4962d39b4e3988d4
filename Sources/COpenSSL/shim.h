// What Swift needs of OpenSSL 3. Function-like macros, which Swift cannot import, get a function here.
#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
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
