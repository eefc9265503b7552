"""Who brought whom, as events tell it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from accounts.models import AuditEntry
from activity.services import event_key
from members.ingestion import IncomingEvent, ingest, member_invited_by_set
from members.models import Member
from members.seeds.services import scoring_request, scoring_run
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def told(inviter: str, properties: object, *, by=None, number: int = 1) -> None:
    key = event_key("t", f"{inviter} {properties} {number}")
    text = json.dumps(properties)
    ingest(
        events=[IncomingEvent(key, inviter, "", "invited", NOW - DAY, properties=text)],
        source="t",
        by=by,
        create_missing=True,
        now=NOW,
    )


def test_an_event_names_whom_somebody_brought():
    ann, ben = make_member("ann"), make_member("ben")
    told(ann.external_id, {"member": ben.external_id})
    ben.refresh_from_db()
    assert ben.invited_by == ann
    assert AuditEntry.objects.get(action="member.invited_by_set").after == {"invited_by": "ann"}


def test_the_first_to_be_noted_stays():
    ann, ben, cid = (make_member(name) for name in ("ann", "ben", "cid"))
    told(ann.external_id, {"member": ben.external_id})
    told(cid.external_id, {"member": ben.external_id})
    ben.refresh_from_db()
    assert ben.invited_by == ann


@pytest.mark.parametrize("properties", [{}, {"member": 7}, {"member": ""}, [1], "x", {"member": "nobody"}])
def test_what_names_nobody_is_an_event_all_the_same(properties):
    ann = make_member("ann")
    told(ann.external_id, properties)
    assert not Member.objects.filter(invited_by__isnull=False).exists()


def test_nobody_brings_themselves_nor_whoever_brought_them():
    ann, ben = make_member("ann"), make_member("ben")
    assert not member_invited_by_set(by=None, member=ann, inviter=ann)
    assert member_invited_by_set(by=None, member=ben, inviter=ann)
    assert not member_invited_by_set(by=None, member=ann, inviter=ben)


def test_nobody_of_another_branch_is_named_by_waiting_for_the_night(cast: Cast):
    here = make_member("ann", [make_group(branch=cast.chengdu)])
    theirs = make_member("ben", [make_group(branch=cast.hangzhou)])
    told(here.external_id, {"member": theirs.external_id}, by=cast.out)
    for _time in range(2):
        scoring_run(run_id=scoring_request(now=NOW).pk, clock=lambda: NOW)
    theirs.refresh_from_db()
    assert theirs.invited_by is None


def test_somebody_who_comes_later_is_found_at_night():
    ann = make_member("ann")
    told(ann.external_id, {"member": "late"})
    late = Member.objects.create(external_id="late", name="late")
    for _time in range(2):
        scoring_run(run_id=scoring_request(now=NOW).pk, clock=lambda: NOW)
    late.refresh_from_db()
    assert late.invited_by == ann
    assert AuditEntry.objects.filter(action="member.invited_by_set").count() == 1


def test_a_branch_says_nothing_about_members_of_others(cast: Cast):
    ann = make_member("ann", [make_group(branch=cast.hangzhou)])
    far = make_member("far", [make_group(branch=cast.chengdu)])
    told(ann.external_id, {"member": far.external_id}, by=cast.mei)
    far.refresh_from_db()
    assert far.invited_by is None
