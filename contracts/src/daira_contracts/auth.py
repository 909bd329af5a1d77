"""What auth tells: signing keys, revocations, and the beginning and end of a person."""

from typing import ClassVar
from uuid import UUID

from daira_contracts._event import Event, OpenEnum
from daira_contracts.exports import ExportPartWritten
from daira_contracts.staff import StaffActionRecorded
from daira_kit.clock import Moment


class KeyState(OpenEnum):
    """ANNOUNCED keys verify but do not sign yet; RETIRED keys do neither."""

    ANNOUNCED = "ANNOUNCED"
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"
    UNKNOWN = "UNKNOWN"


class SigningKeyChangedV1(Event, frozen=True, kw_only=True):
    """A key that signs access tokens was announced, began to sign, or was retired.

    `root_signature` is base64url of an ES256 signature by the platform root key over `signing_key_bytes`:
    write access to this topic alone mints no tokens.
    """

    topic: ClassVar[str] = "auth.signing-key-changed.v1"
    key: ClassVar[tuple[str, ...]] = ("kid",)

    kid: str
    state: KeyState
    public_key_x: str
    public_key_y: str
    not_before: Moment
    root_signature: str


def signing_key_bytes(event: SigningKeyChangedV1) -> bytes:
    """The bytes that the platform root key signs: id, state, P-256 coordinates (base64url) and start, by line feed."""
    parts = (
        event.kid,
        event.state.value,
        event.public_key_x,
        event.public_key_y,
        event.not_before.isoformat(),
    )
    return "\n".join(parts).encode()


class UserRegisteredV1(Event, frozen=True, kw_only=True):
    """A phone number was verified for the first time. The number itself stays in auth."""

    topic: ClassVar[str] = "auth.user-registered.v1"
    key: ClassVar[tuple[str, ...]] = ("user_id",)

    user_id: UUID
    registered_at: Moment
    locale: str = "ar"


class SessionRevokedV1(Event, frozen=True, kw_only=True):
    """Access tokens of this session are dead from now on; forget the record after `expires_at`."""

    topic: ClassVar[str] = "auth.session-revoked.v1"
    key: ClassVar[tuple[str, ...]] = ("session_id",)

    session_id: UUID
    user_id: UUID
    revoked_at: Moment
    expires_at: Moment
    reason: str


class UserErasedV1(Event, frozen=True, kw_only=True):
    """This person is to be forgotten by every service. Kept for ever, so that no replay brings anybody back."""

    topic: ClassVar[str] = "auth.user-erased.v1"
    key: ClassVar[tuple[str, ...]] = ("user_id",)

    user_id: UUID
    erased_at: Moment


class StaffActionRecordedV1(StaffActionRecorded, frozen=True, kw_only=True):
    """What was done about staff and their roles; `detail` is the role."""

    topic: ClassVar[str] = "auth.staff-action-recorded.v1"


class ExportPartWrittenV1(ExportPartWritten, frozen=True, kw_only=True):
    """The part of an export that auth writes."""

    topic: ClassVar[str] = "auth.export-part-written.v1"
