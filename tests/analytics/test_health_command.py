"""Judging by command, as of a day of the past."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from analytics.models import GroupHealth, HealthWalk
from tests.analytics.test_health_walk import YESTERDAY, live
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    with time_machine.travel(NOW, tick=False):
        call_command("judge_groups", *arguments, stdout=out)
    return out.getvalue().strip()


def test_every_group_is_judged_up_to_yesterday():
    live(make_group(), 30)
    assert run() == "1 groups judged"
    assert HealthWalk.objects.get().day == YESTERDAY
    assert run() == "0 groups judged"


def test_or_as_of_a_day_of_the_past_and_nothing_later_counts():
    live(make_group(), 40)
    day = YESTERDAY - timedelta(days=20)
    assert run("--as-of", day.isoformat()) == "1 groups judged"
    assert GroupHealth.objects.latest("day").day == day


def test_a_day_that_is_none_is_refused():
    with pytest.raises(CommandError, match="is no day"):
        run("--as-of", "yesterday")
