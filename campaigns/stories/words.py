"""What the entries about benchmarks mean to people, and what becomes of them when somebody is erased."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, subjects
from campaigns.stories.models import Benchmark
from members.privacy.treatments import Fate, Treatment, treat


def register() -> None:
    subjects("campaigns.benchmark", Subject(_("Benchmark"), Benchmark.objects.visible_to, "campaigns:story"))
    actions(
        {
            "benchmark.nominated": _("Benchmark nominated"),
            "benchmark.written": _("Story of a benchmark written"),
            "benchmark.scheduled": _("Story of a benchmark scheduled"),
            "benchmark.withdrawn": _("Benchmark withdrawn"),
            "benchmark.restored": _("Benchmark nominated again"),
        }
    )
    treat("campaigns.benchmark", Treatment(_("stories as a benchmark"), Fate.GOES))
