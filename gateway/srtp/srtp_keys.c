/* Key derivation: AES in counter mode over the master salt and a label. */
#include <openssl/evp.h>

#include "gateway/srtp/srtp_priv.h"

static int derive_one(EVP_CIPHER_CTX *ctx, const uint8_t salt[14], uint8_t label, uint8_t *out, int len)
{
    uint8_t iv[16] = { 0 };
    int n = 0;

    memcpy(iv, salt, 14);
    iv[7] ^= label; /* key_id = label || r, with r = 0: the rate is 0 */
    memset(out, 0, (size_t)len);
    if (EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, iv) != 1 || EVP_EncryptUpdate(ctx, out, &n, out, len) != 1 ||
        n != len)
        return GW_E_CRYPTO;
    return 0;
}

int gw_srtp_derive(const struct gw_srtp_suite *suite, const uint8_t *master, bool is_rtcp, struct gw_srtp_keys *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t salt[14] = { 0 }; /* a 96-bit salt stands at the front of the 112 bits, RFC 7714 s. 11 */
    uint8_t base = is_rtcp ? 3 : 0;
    int err = GW_E_CRYPTO;

    if (!ctx)
        return GW_E_NOMEM;
    memcpy(salt, master + suite->key_len, suite->salt_len);
    if (EVP_EncryptInit_ex(ctx, suite->key_len == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(), NULL, master, NULL) != 1)
        goto out;
    err = derive_one(ctx, salt, base, out->enc, suite->key_len);
    if (!err)
        err = derive_one(ctx, salt, base + 1, out->auth, sizeof(out->auth));
    if (!err)
        err = derive_one(ctx, salt, base + 2, out->salt, sizeof(out->salt));
out:
    EVP_CIPHER_CTX_free(ctx);
    return err;
}
