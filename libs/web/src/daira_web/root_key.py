"""The platform root key: an ES256 pair whose public half is pinned in every service's settings."""

from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

COORDINATE_BYTES = 32


def sign(private_pem_base64: str, message: bytes) -> str:
    """base64url of r || s, as in JWS (RFC 7518, 3.4). The key is a PEM text, base64 as a whole."""
    key = load_pem_private_key(b64decode(private_pem_base64), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("the root key must be a P-256 key")
    r, s = decode_dss_signature(key.sign(message, ECDSA(SHA256())))
    raw = r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")
    return urlsafe_b64encode(raw).decode().rstrip("=")


def verify(public_pem_base64: str, message: bytes, signature: str) -> bool:
    """True when `signature` is the root key's over `message`; never raises for a malformed signature."""
    key = load_pem_public_key(b64decode(public_pem_base64))
    if not isinstance(key, EllipticCurvePublicKey):
        raise TypeError("the root key must be a P-256 key")
    try:
        raw = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except (Base64Error, ValueError):
        return False
    if len(raw) != 2 * COORDINATE_BYTES:
        return False
    r, s = int.from_bytes(raw[:COORDINATE_BYTES], "big"), int.from_bytes(raw[COORDINATE_BYTES:], "big")
    try:
        key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
