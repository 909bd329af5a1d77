"""How many files and sockets a process may have open: 1,024 by old custom, fewer than a gateway's clients."""

import resource

WANTED = 65_536


def allow_many() -> int:
    """Raise the limit of this process, and of what it starts, as far as the system lets it; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        return limit
    return soft
