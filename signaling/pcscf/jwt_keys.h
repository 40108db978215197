/* Keys made for these tests alone. */
#ifndef GW_PCSCF_JWT_KEYS_H
#define GW_PCSCF_JWT_KEYS_H

/* clang-format off */
static const char rsa_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDlvxDli2jlzwtl\n"
    "Suv6S+xhK5iyhFRrL8h28r8hYfq+bmKnRTZV+3/i+xnu45a60hySLoHH6vU6+Mv3\n"
    "/JYe/vjo89p5N7weuhe9x7eWP3vrA99At67/JtWTQvmyPAOFAR8buOtoIycpqNWI\n"
    "bpP5uH4gn4zGDe9de/cygL7pw8cJxOHeCP5iRZnJJrbmblDIxxfWh8cG78izMh0S\n"
    "NLtcK45lPYPsdDxB/m8M9BCPRzTlpQRNZrtioEUDCfK9G3rBNdzd4uM0l3EtWqXc\n"
    "aI7mYVAKNp8tVlTtPBKAk/h9BtaYSKVtagBh6nj8dZNm3LZGW87QS/VkVfUFUK24\n"
    "/3wgPNozAgMBAAECggEAZAfNPQx2dzyvCwLUfO3KtUIsoWlhcivjXfryQgAtkvVv\n"
    "6cGGV2iB9Zt73pnkGmJ6QyGRqzA/ZtZFxKsK1+MPECqAcK/WLhC7XouTAQ2SEDDm\n"
    "5wAy5vALJKuQGUztAV+MIl9gy74mgop6soTm099Ct0SQn/kYQ71CU5Bfz1tJEZR+\n"
    "zGRpZHI09eXbgY9rKkU/Y64baE7EZ402lJyyRueypSqXtiG+z0CnYrjfj8vCR78A\n"
    "z00ma8fsup0vKAY79d60S69+vHoCgLsgU7h/Qrw5dVtyscPMpexenijcztoorzym\n"
    "wj486zFXIsyNbCdC9yyoaXE1xw1M5ueTv70jZJrIjQKBgQD0QmHNEq4lN4jhkkT0\n"
    "iLrVtf7cfjCw6DHx+lNnxBDq1I8hE3MOzWn2Lnpi+TUUXt36/gF57tBI59Fu2lU0\n"
    "FeYNPKW9v+gfAzQpxI3zlinGcQnWHREHM3tqnkJ+sLgEWnECFUCVSYpQsoqlAND+\n"
    "zoVZ2/1/N9hS19Qgx/2Ah8Ly1QKBgQDwyhoFokueiXjSZVIGzZIz6q7Ptt9STYgm\n"
    "TdQRSMAiDWuNpi5PSGZRCCMXNREpdALHGNbxFeBxbplccwZ6F+ug1JuL0CApUJer\n"
    "fKx/UePpWNKRCwJJXQftAD9oQtveLLsBWGCMHsrfHqDIk7bKXOUZBFnhZ4lfjYJ7\n"
    "3+eHY4rM5wKBgEljpJUENtSx0evMkfFTH6fUjeXb+G8+5LrKtsKns1mLUhHjER/y\n"
    "chLothcEv4EGW/Xs2a60JVqyZEfFS/JhXgS+IyJXBbxDrymZh/kXNigMkKMHirU6\n"
    "L6vCL0J3gGK2ddvlXMk+FlPWwTeAfksA7CoqogjWU6XYeUD8NdunbtidAoGBAKWc\n"
    "K0eit2Xj4WC75S3ep+bjS7Z7bZ+6yaCmuOvmYJdLKaU0HffTsOOcuB3XFuWu79Ym\n"
    "BHeudz8tNXe7eUHyP9LPR+hijiw8TQTaa/3pwdqVh8XQj5ML1E6yc+nuyjBGDZzA\n"
    "Py9AYoIRG764sej++Wc6ceMxBe/dcVhnyGN7GFUTAoGAREED/57d9zuqNtsEdfZt\n"
    "gxrN9xqf6IgII+W/oW++mHjBsDLTfD1Ew0mbpYaXL4NpG2PPPx/mLpvxgRLUoQ7W\n"
    "Xd/RL1eaY5ju+M+7Hgcrv91ytiJnIdbTdKp0hpngZrY3Cd20ETZ6EtWjvohzp5Aq\n"
    "YmKvJvRb5IdSlv/xwcwiePg=\n"
    "-----END PRIVATE KEY-----\n";
static const char rsa_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA5b8Q5Yto5c8LZUrr+kvs\n"
    "YSuYsoRUay/IdvK/IWH6vm5ip0U2Vft/4vsZ7uOWutIcki6Bx+r1OvjL9/yWHv74\n"
    "6PPaeTe8HroXvce3lj976wPfQLeu/ybVk0L5sjwDhQEfG7jraCMnKajViG6T+bh+\n"
    "IJ+Mxg3vXXv3MoC+6cPHCcTh3gj+YkWZySa25m5QyMcX1ofHBu/IszIdEjS7XCuO\n"
    "ZT2D7HQ8Qf5vDPQQj0c05aUETWa7YqBFAwnyvRt6wTXc3eLjNJdxLVql3GiO5mFQ\n"
    "CjafLVZU7TwSgJP4fQbWmEilbWoAYep4/HWTZty2RlvO0Ev1ZFX1BVCtuP98IDza\n"
    "MwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
static const char ec_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfEARTA/sm/fukXEz\n"
    "jvx4GRssdCyOByD9eX88cInF9vqhRANCAAT51H47prOybLf8OHwc2rFW5iDVzqGQ\n"
    "EKIkWiP+JnqKFN5jzByncjG7rPeEkhCUK+AvCkvhi7UmC1XgQdCYCvPk\n"
    "-----END PRIVATE KEY-----\n";
static const char ec_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+dR+O6azsmy3/Dh8HNqxVuYg1c6h\n"
    "kBCiJFoj/iZ6ihTeY8wcp3Ixu6z3hJIQlCvgLwpL4Yu1JgtV4EHQmArz5A==\n"
    "-----END PUBLIC KEY-----\n";
static const char jwks[] =
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},{"
    "\"kty\":\"RSA\",\"use\":\"sig\",\"kid\":\"r1\",\"n\":\"5b8Q5Yto5c8LZUrr-kvsYSuYsoRUay_IdvK_IWH6vm5ip0U2V"
    "ft_4vsZ7uOWutIcki6Bx-r1OvjL9_yWHv746PPaeTe8HroXvce3lj976wPfQLeu_ybVk0L5sjwDhQEfG7jraCMnKajViG6T-bh-IJ-Mx"
    "g3vXXv3MoC-6cPHCcTh3gj-YkWZySa25m5QyMcX1ofHBu_IszIdEjS7XCuOZT2D7HQ8Qf5vDPQQj0c05aUETWa7YqBFAwnyvRt6wTXc3"
    "eLjNJdxLVql3GiO5mFQCjafLVZU7TwSgJP4fQbWmEilbWoAYep4_HWTZty2RlvO0Ev1ZFX1BVCtuP98IDzaMw\",\"e\":\"AQAB\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e1\",\"x\":\"-dR-O6azsmy3_Dh8HNqxVuYg1c6hkBCiJFoj_iZ6ihQ\","
    "\"y\":\"3mPMHKdyMbus94SSEJQr4C8KS-GLtSYLVeBB0JgK8-Q\"}]}";
static const char secret[] = "0123456789abcdef0123456789abcdef";
/* clang-format on */

#endif
