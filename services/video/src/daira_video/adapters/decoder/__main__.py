"""One job from standard input, lines of replies on standard output. Locks itself in before it reads the source."""

import errno
import os
import sys
from pathlib import Path

from daira_confinement import Ceilings, enter
from daira_confinement.escapes import leaks
from daira_video.adapters import protocol
from daira_video.adapters.decoder.lane import OutputFailed
from daira_video.domain.limits import FailureCode, MediaRejected

_PATIENCE = 10
_PRELOAD = (
    "encodings.idna",
    "av.subtitles.stream",
    "numpy",
    "blurhash",
    "daira_video.adapters.decoder.encode",
    "daira_video.adapters.decoder.poster",
    "daira_video.adapters.decoder.probe",
)


_TOO_LARGE = protocol.Rejected(code=FailureCode.TOO_DEMANDING, detail="it needs more memory than a video may")


def _say(reply: protocol.Reply) -> None:
    sys.stdout.buffer.write(protocol.dump(reply))
    sys.stdout.buffer.flush()


def _confine(job: protocol.Request) -> bool:
    """Whether that is enough to open the source."""
    if isinstance(job, protocol.Encode) and job.patient:
        os.nice(_PATIENCE)
    terms, limits = job.terms, job.terms.limits
    level, reasons = enter(
        Ceilings(
            memory_bytes=limits.memory_bytes,
            cpu_seconds=terms.cpu_seconds,
            file_bytes=limits.output_bytes,
            open_files=limits.open_files,
            threads=limits.threads,
        ),
        parent=terms.parent,
        readable=Path(terms.input) if terms.input else None,
        writable=Path(terms.output) if terms.output else None,
        preload=_PRELOAD,
    )
    _say(protocol.Confined(level=level, reasons=tuple(reasons)))
    return level >= terms.minimum


def _work(job: protocol.Request) -> protocol.Result:
    # Imported by now: the modules below were loaded before the file system was closed.
    from daira_video.adapters.decoder import encode, poster, probe

    if isinstance(job, protocol.Measure):
        return protocol.Measured(leaks=leaks(Path(job.canary), job.terms.limits.open_files))
    path = Path(job.terms.input or "")
    if isinstance(job, protocol.Probe):
        return probe.probe(path, job.terms.limits)
    folder = Path(job.terms.output or "")
    if isinstance(job, protocol.Poster):
        return poster.poster(job, path, folder)
    return encode.encode(job, path, folder, lambda done: _say(protocol.Progress(done=done)))


def main() -> None:
    """Anything but a rejected file or a lack of memory ends as a traceback and a non-zero exit."""
    job = protocol.read_request(sys.stdin.buffer.read())
    if not _confine(job):
        return
    try:
        _say(_work(job))
    except MediaRejected as rejected:
        _say(protocol.Rejected(code=rejected.code, detail=rejected.detail))
    except MemoryError:
        _say(_TOO_LARGE)
    except OutputFailed as failed:
        if failed.errno == errno.ENOMEM or isinstance(failed.__cause__, MemoryError):
            _say(_TOO_LARGE)
        elif failed.errno in (errno.ENOSPC, errno.EDQUOT):
            _say(protocol.DiskFull())
        else:
            raise


if __name__ == "__main__":
    main()
