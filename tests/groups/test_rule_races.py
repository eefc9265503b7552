"""Two people at one rule set at the same instant. Only a database with real row locks can tell; SQLite lets one write
at a time anyway, where the second waits."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from django.db import connection

from groups.models import RuleSetVersion
from groups.rules.content import RuleContent, VersionContent, version_content
from groups.rules.services import (
    NotADraft,
    RuleSetInUse,
    StaleDraft,
    draft_open,
    draft_save,
    group_rule_set_assign,
    rule_set_archive,
    rule_set_create,
    version_publish,
)
from tests.base import make_cast
from tests.builders import NOW, make_group

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="row locks need PostgreSQL"),
]
RULE = RuleContent(text="不发广告", code="ads", detector="keywords", params={"words": ["代购"]})


def at_once(*acts):
    """Runs the acts in threads that start together; their outcomes, exceptions included, in their order."""
    barrier = threading.Barrier(len(acts))
    outcomes: list[object] = [None] * len(acts)

    def run(number):
        try:
            barrier.wait(timeout=10)
            outcomes[number] = acts[number]()
        except Exception as error:
            outcomes[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return outcomes


def made():
    cast = make_cast()
    rule_set = rule_set_create(by=cast.lin, now=NOW, name="群规", content=VersionContent(rules=(RULE,)))
    return cast, rule_set


def test_of_two_who_save_one_draft_the_second_is_told():
    cast, rule_set = made()
    draft = rule_set.versions.get()
    content = version_content(draft)

    def save(text):
        mine = RuleSetVersion.objects.get(pk=draft.pk)
        return draft_save(by=cast.lin, now=NOW, version=mine, revision=1, content=replace(content, preamble=text))

    outcomes = at_once(lambda: save("甲"), lambda: save("乙"))
    [stale] = [outcome for outcome in outcomes if isinstance(outcome, StaleDraft)]
    draft.refresh_from_db()
    assert draft.revision == 2
    assert stale.content.preamble == draft.preamble
    assert draft.preamble in ("甲", "乙")


def test_of_two_who_publish_one_draft_the_second_is_told():
    cast, rule_set = made()
    draft = rule_set.versions.get()

    def publish():
        mine = RuleSetVersion.objects.get(pk=draft.pk)
        return version_publish(by=cast.lin, now=NOW, version=mine, revision=1)

    outcomes = at_once(publish, publish)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotADraft", "RuleSetVersion"]
    assert any(isinstance(outcome, NotADraft) for outcome in outcomes)
    assert [version.state for version in rule_set.versions.all()] == ["published"]


def test_two_who_begin_a_draft_get_the_same_one():
    cast, rule_set = made()
    version_publish(by=cast.lin, now=NOW, version=rule_set.versions.get(), revision=1)

    def begin():
        return draft_open(by=cast.lin, now=NOW, rule_set=rule_set).pk

    first, second = at_once(begin, begin)
    assert first == second
    assert rule_set.versions.count() == 2


def test_rules_are_not_put_out_of_use_while_a_group_takes_them():
    cast, rule_set = made()
    group = make_group()
    outcomes = at_once(
        lambda: group_rule_set_assign(by=cast.lin, group=group, rule_set=rule_set),
        lambda: rule_set_archive(by=cast.lin, now=NOW, rule_set=rule_set),
    )
    rule_set.refresh_from_db()
    assert bool(rule_set.archived_at) != rule_set.groups.exists(), outcomes
    assert isinstance(outcomes[1], RuleSetInUse) or outcomes[1] is True
