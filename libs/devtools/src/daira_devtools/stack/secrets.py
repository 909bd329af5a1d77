"""Secrets of a local stack: made once, kept in its folder, readable by their owner only."""

import base64
import secrets as random
import tomllib
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

PRIVATE = "root_private_key"
PUBLIC = "root_public_key"


class Secrets:
    """`get(name)` makes a missing secret: the platform's root key pair (ES256, PEM in base64) or 32 random bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> str:
        known = self._read()
        if name not in known:
            known |= root_key_pair() if name in (PRIVATE, PUBLIC) else {name: random.token_urlsafe(32)}
            self._write(known)
        return known[name]

    def _read(self) -> dict[str, str]:
        try:
            return {key: str(value) for key, value in tomllib.loads(self._path.read_text()).items()}
        except FileNotFoundError:
            return {}

    def _write(self, known: dict[str, str]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        self._path.write_text("".join(f'{key} = "{value}"\n' for key, value in sorted(known.items())))


def root_key_pair() -> dict[str, str]:
    """The pair that signs key announcements: only auth gets the private half."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {PRIVATE: base64.b64encode(private).decode(), PUBLIC: base64.b64encode(public).decode()}
