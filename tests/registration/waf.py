"""Who gives web users their tokens (the WAF of TS 24.371): keys and signatures by another library than the gateway's."""
import base64
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(n, size):
    return b64(n.to_bytes(size, "big"))


class Waf:
    def __init__(self, directory):
        self.path = f"{directory}/jwks.json"
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        r, e = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        with open(self.path, "w") as f:
            json.dump({"keys": [{"kty": "RSA", "kid": "RS256", "use": "sig", "n": number(r.n, 256), "e": number(r.e, 3)},
                                {"kty": "EC", "kid": "ES256", "crv": "P-256", "x": number(e.x, 32), "y": number(e.y, 32)}]}, f)

    def conf(self):
        return f"token_key = {self.path}\ntoken_issuer = https://waf.example\ntoken_audience = imsgw\n"

    def token(self, impu, seconds, algorithm, aud="imsgw"):
        claims = {"iss": "https://waf.example", "aud": aud, "exp": int(time.time()) + seconds, "impu": impu}
        text = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": algorithm, "kid": algorithm}, claims))
        if algorithm == "RS256":
            signature = self.rsa.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        elif algorithm == "ES256":
            signature = b"".join(n.to_bytes(32, "big")
                                 for n in decode_dss_signature(self.ec.sign(text.encode(), ec.ECDSA(hashes.SHA256()))))
        else:
            signature = b""
        return f"{text}.{b64(signature)}"

    def bearer(self, *args, **more):
        return f"Authorization: Bearer {self.token(*args, **more)}"
