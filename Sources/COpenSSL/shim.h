// What Swift needs of OpenSSL 3. Function-like macros, which Swift cannot import, get a function here.
#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
