"""Everything one machine needs, under one process: broker, web server, worker and scheduler."""

from __future__ import annotations
