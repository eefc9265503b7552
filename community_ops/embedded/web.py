"""`python -m community_ops.embedded.web HOST PORT`: the web server of the embedded installation."""

from __future__ import annotations

import signal
import sys
from typing import Any

from waitress import serve


def main(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests that run."""
    from community_ops.wsgi import application

    def stop(*args: Any) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    serve(
        application,
        host=host,
        port=port,
        threads=8,
        ident=None,
        clear_untrusted_proxy_headers=False,
        _quiet=True,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
