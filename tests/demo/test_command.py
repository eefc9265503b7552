"""The command that makes the demo refuses what it should not touch, and numbers that make no sense."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from campaigns.demo.seed import NotEmptyError, demo_seed
from members.models import Member
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db


def test_it_stays_away_from_a_community_that_is_not_its_own():
    make_group("Somebody's group")
    with pytest.raises(NotEmptyError):
        demo_seed(now=NOW, members=200)
    with pytest.raises(CommandError, match="already holds groups"):
        call_command("seed_demo")
    assert Member.objects.count() == 0


@pytest.mark.parametrize("members", [0, 99, 100_001])
def test_a_number_of_members_that_makes_no_sense_is_refused(members):
    with pytest.raises(CommandError, match="--members"):
        call_command("seed_demo", members=members)
