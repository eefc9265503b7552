"""`python -m community_ops.embedded.web HOST PORT`: the web server of the embedded installation."""

from __future__ import annotations

import signal
import sys
from typing import Any

from waitress import serve

# A phone keeps its connection for a while after each page, and a connection that waits costs little. With waitress' own
# limit of 100, two thousand members who open a page within a minute would wait for each other's to time out.
CONNECTIONS = 4000
KEPT_SECONDS = 30
OTHER_FILES = 200


def files_allowed(wanted: int) -> int:
    """How many files this process may have open, raised to `wanted` as far as the system lets it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


def main(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests that run."""
    from community_ops.wsgi import application

    def stop(*args: Any) -> None:
        raise SystemExit(0)

    connections = min(CONNECTIONS, files_allowed(CONNECTIONS + OTHER_FILES) - OTHER_FILES)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    serve(
        application,
        host=host,
        port=port,
        threads=8,
        connection_limit=connections,
        channel_timeout=KEPT_SECONDS,
        cleanup_interval=10,
        asyncore_use_poll=True,
        ident=None,
        clear_untrusted_proxy_headers=False,
        _quiet=True,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
