"""What the service and the decoding process say to each other: one job in, lines of replies out, all JSON."""

from fractions import Fraction

import msgspec

from daira_confinement import Level
from daira_confinement.escapes import Attempt
from daira_video.domain.fractions import read_fraction, write_fraction
from daira_video.domain.ladder import Rung
from daira_video.domain.limits import FailureCode, Limits, Source
from daira_video.domain.playlists import Segment


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Common to all jobs: whose child this is, what may be read and written, and the ceilings.

    Nothing is opened by a process that is locked in less than `minimum`.
    """

    parent: int
    minimum: Level
    input: str | None
    output: str | None
    limits: Limits
    cpu_seconds: int


class Measure(msgspec.Struct, frozen=True, kw_only=True, tag="measure"):
    """Try the forbidden things and report which were refused. `canary` is a readable file out of bounds."""

    terms: Terms
    canary: str


class Probe(msgspec.Struct, frozen=True, kw_only=True, tag="probe"):
    """Decide whether the input is an acceptable video."""

    terms: Terms


class Encode(msgspec.Struct, frozen=True, kw_only=True, tag="encode"):
    """Make some rungs in one decode; `mp4` names the rung that also becomes video.mp4.

    `patient` jobs take the computing time that others leave.
    """

    terms: Terms
    source: Source
    rungs: tuple[Rung, ...]
    mp4: str | None
    threads: int
    patient: bool


class Poster(msgspec.Struct, frozen=True, kw_only=True, tag="poster"):
    """Make poster.jpg and poster.webp."""

    terms: Terms
    source: Source


Request = Measure | Probe | Encode | Poster


class Confined(msgspec.Struct, frozen=True, kw_only=True, tag="confined"):
    """First line of every child: how far it is locked in."""

    level: Level
    reasons: tuple[str, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """Part of the picture encoded, 0 to 1."""

    done: float


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    """The file is the reason."""

    code: FailureCode
    detail: str


class DiskFull(msgspec.Struct, frozen=True, kw_only=True, tag="diskFull"):
    """There is no room for the output: neither the file's fault nor the decoder's."""


class Measured(msgspec.Struct, frozen=True, kw_only=True, tag="measured"):
    """Forbidden things that nevertheless worked."""

    leaks: tuple[Attempt, ...]


class Probed(msgspec.Struct, frozen=True, kw_only=True, tag="probed"):
    """The input is acceptable."""

    source: Source


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """One finished rung; files lie below `<output>/<name>/`, with the playlist beside its segments."""

    name: str
    width: int
    height: int
    rate: Fraction
    codecs: str
    segments: tuple[Segment, ...]


class Encoded(msgspec.Struct, frozen=True, kw_only=True, tag="encoded"):
    """All rungs of the job are on disk."""

    rungs: tuple[Rendered, ...]
    corrupt_packets: int


class Posted(msgspec.Struct, frozen=True, kw_only=True, tag="posted"):
    """The poster is on disk. `blurhash` is of the same picture."""

    width: int
    height: int
    blurhash: str


Result = Measured | Probed | Encoded | Posted
Reply = Confined | Progress | Rejected | DiskFull | Measured | Probed | Encoded | Posted


def dump(message: Request | Reply) -> bytes:
    """One line, with its end."""
    return msgspec.json.encode(message, enc_hook=write_fraction) + b"\n"


def read_request(text: bytes) -> Request:
    """Raises msgspec.DecodeError."""
    request: Request = msgspec.json.decode(text, type=Request, dec_hook=read_fraction)
    return request


def read_reply(line: bytes) -> Reply:
    """Raises msgspec.DecodeError: the child is not trusted either."""
    reply: Reply = msgspec.json.decode(line, type=Reply, dec_hook=read_fraction)
    return reply
