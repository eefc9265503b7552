"""What administrators decide for the whole community."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest
from django.db import connection

from accounts.models import AuditEntry, Policy, User
from accounts.policies import StalePolicy, policy_get, policy_save, policy_version
from tests.builders import NOW


@dataclass(frozen=True)
class Quiet:
    KEY: ClassVar[str] = "test-quiet"

    days: int = 7
    words: dict[str, str] = field(default_factory=dict)


def test_an_undecided_policy_has_its_defaults(db):
    assert policy_get(Quiet) == Quiet()
    assert policy_version(Quiet) == 0


def test_what_is_decided_is_read_again_and_recorded(cast):
    policy_save(by=cast.lin, now=NOW, values=Quiet(days=3, words={"en": "quiet"}))
    assert policy_get(Quiet) == Quiet(days=3, words={"en": "quiet"})
    entry = AuditEntry.objects.get(action="policy.updated")
    assert (entry.before["days"], entry.after["days"], entry.actor) == (7, 3, cast.lin)


def test_saving_the_same_again_changes_and_records_nothing(cast):
    policy_save(by=cast.lin, now=NOW, values=Quiet(days=3))
    version = policy_version(Quiet)
    policy_save(by=cast.lin, now=NOW, values=Quiet(days=3), version=version)
    assert policy_version(Quiet) == version
    assert AuditEntry.objects.filter(action="policy.updated").count() == 1


def test_a_form_that_is_out_of_date_is_refused(cast):
    opened = policy_version(Quiet)
    policy_save(by=cast.lin, now=NOW, values=Quiet(days=3), version=opened)
    with pytest.raises(StalePolicy) as refused:
        policy_save(by=cast.lin, now=NOW, values=Quiet(days=5), version=opened)
    assert refused.value.version == policy_version(Quiet)
    assert policy_get(Quiet).days == 3


def test_a_field_that_was_added_or_removed_later_does_no_harm(cast):
    Policy.objects.create(key=Quiet.KEY, value={"days": 2, "gone": True}, changed_at=NOW)
    assert policy_get(Quiet) == Quiet(days=2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_of_two_first_changes_at_once_only_one_is_kept():
    people = [User.objects.create_user(name, role="admin") for name in ("one", "two")]
    start, outcomes = threading.Barrier(2), []

    def change(by: User, days: int) -> None:
        start.wait()
        try:
            policy_save(by=by, now=NOW, values=replace(Quiet(), days=days), version=0)
            outcomes.append("kept")
        except StalePolicy:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(by, days)) for by, days in zip(people, (3, 5), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", "refused"]
    assert policy_version(Quiet) == 1
