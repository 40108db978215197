#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/crypto.h"

/* A key with a passphrase cannot be used by a server that starts alone: no prompt, an error. */
static int no_passphrase(char *buf, int size, int is_writing, void *arg)
{
    return 0;
}

static int compare(X509 *cert, EVP_PKEY *key, char *why, size_t why_size)
{
    if (!cert || !key) {
        snprintf(why, why_size, cert ? "no usable private key in tls_key" : "no PEM certificate in the file");
        return GW_E_SYNTAX;
    }
    if (X509_check_private_key(cert, key) != 1) {
        snprintf(why, why_size, "certificate and private key do not belong together");
        return GW_E_MISMATCH;
    }
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0 || X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        snprintf(why, why_size, "certificate expired or not valid yet");
        return GW_E_TIMEOUT;
    }
    return 0;
}

int gw_key_pair_check(const char *cert_path, const char *key_path, char *why, size_t why_size)
{
    FILE *fc = fopen(cert_path, "re"), *fk = fc ? fopen(key_path, "re") : NULL;
    X509 *cert = NULL;
    EVP_PKEY *key = NULL;
    int err;

    if (!fc || !fk) {
        snprintf(why, why_size, "%.200s: %s", fc ? key_path : cert_path, strerror(errno));
        err = GW_E_IO;
    } else {
        cert = PEM_read_X509(fc, NULL, no_passphrase, NULL);
        key = PEM_read_PrivateKey(fk, NULL, no_passphrase, NULL);
        err = compare(cert, key, why, why_size);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (fc)
        fclose(fc);
    if (fk)
        fclose(fk);
    return err;
}
