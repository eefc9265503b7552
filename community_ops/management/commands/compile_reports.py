from __future__ import annotations

from typing import Any

from analytics.warmup import compile_once
from community_ops.embedded.lifeline import follow_parent
from community_ops.lib.commands import ScriptCommand


class Command(ScriptCommand):
    help = "Compiles the loops of the reports, which a server otherwise has done when it starts."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        follow_parent()
        compile_once()
