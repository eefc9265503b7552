"""Rule sets, their drafts and versions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEntry
from groups.models import RuleSet, RuleSetVersion
from groups.rules.content import (
    ContentError,
    RuleContent,
    VersionContent,
    content_from_yaml,
    content_yaml,
    details_seen,
    rule_seen,
    version_content,
)
from groups.rules.detection import Message, compiled_for
from groups.rules.services import (
    DraftWaiting,
    NotADraft,
    RuleSetInUse,
    StaleDraft,
    draft_details_save,
    draft_discard,
    draft_open,
    draft_rule_remove,
    draft_rule_save,
    draft_rules_order,
    draft_save,
    group_rule_set_assign,
    rule_set_archive,
    rule_set_copy,
    rule_set_create,
    rule_set_from_preset,
    rule_set_restore,
    version_publish,
    version_restore,
)
from tests.builders import NOW, make_group

ADS = RuleContent(
    text="不发广告", code="ads", category="advertising", detector="keywords", params={"words": ["代购"]}, action="warn"
)
QUIET = RuleContent(text="不聊无关话题", code="topic", category="off_topic")


@pytest.fixture
def rules(cast):
    return rule_set_create(by=cast.lin, now=NOW, name="家长群群规", content=VersionContent(rules=(ADS, QUIET)))


def publish(cast, rule_set, **fields):
    draft = rule_set.versions.get(state="draft")
    return version_publish(by=cast.lin, now=NOW, version=draft, revision=draft.revision, **fields)


def found(version, text):
    return [hit.rule for hit in compiled_for(version.pk).check(Message(1, 1, NOW, "text", text))]


def test_a_new_rule_set_starts_with_the_shipped_rules_as_a_draft(cast):
    rule_set = rule_set_create(by=cast.lin, now=NOW, name="新群规")
    version = rule_set.versions.get()
    assert (version.state, version.number) == ("draft", 1)
    assert len(version_content(version).rules) >= 6
    assert {rule.category for rule in version.rules.all()} == {
        "advertising",
        "adding_friends",
        "off_topic",
        "split_questions",
        "abuse",
        "fraud",
    }


def test_a_name_is_taken_once_for_each_branch(cast, rules):
    rule_set_create(by=cast.lin, now=NOW, name="家长群群规", branch=cast.hangzhou)
    with pytest.raises(ValidationError):
        rule_set_create(by=cast.lin, now=NOW, name=" 家长群群规 ")


def test_publishing_retires_the_version_before(cast, rules):
    first = publish(cast, rules)
    draft = draft_open(by=cast.lin, now=NOW, rule_set=rules)
    assert draft.number == 2
    assert version_content(draft) == version_content(first)
    second = publish(cast, rules, reacknowledge=True, note=" 多了一条 ")
    first.refresh_from_db()
    assert (first.state, second.state, second.reacknowledge, second.note) == ("retired", "published", True, "多了一条")
    entry = AuditEntry.objects.filter(action="rule_set.published").latest("pk")
    assert entry.after["version"] == 2


def test_a_published_version_never_changes(cast, rules):
    version = publish(cast, rules)
    with pytest.raises(NotADraft):
        draft_save(by=cast.lin, now=NOW, version=version, revision=1, content=VersionContent())
    with pytest.raises(NotADraft):
        version_publish(by=cast.lin, now=NOW, version=version, revision=1)


def test_the_second_of_two_editors_is_told_and_loses_nothing(cast, rules):
    draft = rules.versions.get()
    mine, theirs = RuleSetVersion.objects.get(pk=draft.pk), RuleSetVersion.objects.get(pk=draft.pk)
    their_content = replace(version_content(theirs), preamble="他们写的")
    draft_save(by=cast.lin, now=NOW, version=theirs, revision=1, content=their_content)
    with pytest.raises(StaleDraft) as stale:
        draft_save(by=cast.lin, now=NOW, version=mine, revision=1, content=VersionContent(preamble="我写的"))
    assert stale.value.content.preamble == "他们写的"
    assert stale.value.version.revision == 2
    draft.refresh_from_db()
    assert draft.preamble == "他们写的"


def test_two_editors_of_two_rules_do_not_disturb_each_other(cast, rules):
    draft = rules.versions.get()
    draft_rule_save(
        by=cast.lin, now=NOW, version=draft, seen=rule_seen(ADS_SAVED), rule=replace(ADS, text="请不要发广告")
    )
    draft_rule_save(
        by=cast.lin, now=NOW, version=draft, seen=rule_seen(QUIET), rule=replace(QUIET, text="请围绕主题聊")
    )
    assert [rule.text for rule in version_content(draft).rules] == ["请不要发广告", "请围绕主题聊"]
    with pytest.raises(StaleDraft) as stale:
        draft_rule_save(by=cast.lin, now=NOW, version=draft, seen=rule_seen(QUIET), rule=replace(QUIET, text="又一句"))
    assert stale.value.content.rule("topic").text == "请围绕主题聊"


ADS_SAVED = replace(ADS, params={"words": ["代购"], "except": [], "whole_words": True})


def test_rules_are_added_ordered_and_removed(cast, rules):
    draft = rules.versions.get()
    new = RuleContent(text="不加人", category="adding_friends", detector="contact")
    saved = draft_rule_save(by=cast.lin, now=NOW, version=draft, seen="", rule=new)
    assert [rule.code for rule in saved.content.rules] == ["ads", "topic", "adding-friends"]
    saved = draft_rules_order(by=cast.lin, now=NOW, version=draft, codes=["adding-friends", "ads", "topic"])
    assert [rule.code for rule in saved.content.rules] == ["adding-friends", "ads", "topic"]
    with pytest.raises(StaleDraft):
        draft_rules_order(by=cast.lin, now=NOW, version=draft, codes=["ads", "topic"])
    saved = draft_rule_remove(by=cast.lin, now=NOW, version=draft, code="ads", seen=rule_seen(ADS_SAVED))
    assert [rule.code for rule in saved.content.rules] == ["adding-friends", "topic"]


def test_a_ladder_never_gets_milder(cast, rules):
    draft = rules.versions.get()
    with pytest.raises(ContentError) as error:
        draft_details_save(
            by=cast.lin,
            now=NOW,
            version=draft,
            seen=details_seen(version_content(draft)),
            preamble="",
            ladder=[{"strikes": 1, "action": "mute"}, {"strikes": 1, "action": "remind"}],
            strike_days=0,
        )
    assert [path for path, _ in error.value.errors] == ["/strike_days", "/ladder/1/strikes", "/ladder/1/action"]


def test_a_bad_pattern_is_refused_with_its_place(cast, rules):
    bad = RuleContent(text="坏的", detector="pattern", params={"patterns": ["返利", "加(微|信"]})
    with pytest.raises(ContentError) as error:
        draft_rule_save(by=cast.lin, now=NOW, version=rules.versions.get(), seen="", rule=bad)
    [(path, message)] = error.value.errors
    assert path == "/params/patterns"
    assert message.startswith("Line 2, character 2,")


def test_an_old_version_comes_back_as_a_draft(cast, rules):
    first = publish(cast, rules)
    draft = draft_open(by=cast.lin, now=NOW, rule_set=rules)
    with pytest.raises(DraftWaiting):
        version_restore(by=cast.lin, now=NOW, version=first)
    draft_save(by=cast.lin, now=NOW, version=draft, revision=1, content=VersionContent(rules=(QUIET,)))
    publish(cast, rules)
    restored = version_restore(by=cast.lin, now=NOW, version=first)
    assert (restored.number, restored.state) == (3, "draft")
    assert version_content(restored) == version_content(first)


def test_a_draft_is_thrown_away_but_not_the_only_version(cast, rules):
    with pytest.raises(ValidationError):
        draft_discard(by=cast.lin, version=rules.versions.get())
    publish(cast, rules)
    draft_discard(by=cast.lin, version=draft_open(by=cast.lin, now=NOW, rule_set=rules))
    assert [version.state for version in rules.versions.all()] == ["published"]


def test_an_empty_draft_is_not_published(cast):
    empty = rule_set_create(by=cast.lin, now=NOW, name="空", content=VersionContent(preamble="还没写"))
    with pytest.raises(ValidationError):
        publish(cast, empty)


def test_groups_follow_rule_sets_of_their_branch_or_shared_ones(cast, rules):
    group = make_group(branch=cast.hangzhou)
    elsewhere = rule_set_create(by=cast.lin, now=NOW, name="成都群规", branch=cast.chengdu)
    assert group_rule_set_assign(by=cast.mei, group=group, rule_set=rules)
    assert not group_rule_set_assign(by=cast.mei, group=group, rule_set=rules)
    with pytest.raises(ValidationError):
        group_rule_set_assign(by=cast.mei, group=group, rule_set=elsewhere)
    with pytest.raises(RuleSetInUse):
        rule_set_archive(by=cast.lin, now=NOW, rule_set=rules)
    assert group_rule_set_assign(by=cast.mei, group=group, rule_set=None)
    assert rule_set_archive(by=cast.lin, now=NOW, rule_set=rules)
    with pytest.raises(ValidationError):
        group_rule_set_assign(by=cast.mei, group=group, rule_set=rules)
    assert rule_set_restore(by=cast.lin, rule_set=rules)
    assert group_rule_set_assign(by=cast.mei, group=group, rule_set=rules)


def test_a_branch_sees_its_own_and_the_shared_ones(cast, rules):
    rule_set_create(by=cast.lin, now=NOW, name="成都群规", branch=cast.chengdu)
    assert [one.name for one in RuleSet.objects.visible_to(cast.mei)] == ["家长群群规"]
    assert RuleSet.objects.visible_to(cast.out).count() == 2
    assert rules.may_be_changed_by(cast.lin)
    assert not rules.may_be_changed_by(cast.mei)


def test_a_preset_makes_a_rule_set_in_force_once(cast):
    data = [{"text": "不发广告", "category": "advertising", "detector": "keywords", "params": {"words": ["代购"]}}]
    first = rule_set_from_preset(by=cast.lin, now=NOW, rules=data, name="成长群群规")
    again = rule_set_from_preset(by=cast.lin, now=NOW, rules=data, name="成长群群规")
    assert first == again
    assert first.versions.get().state == "published"
    rule_set_archive(by=cast.lin, now=NOW, rule_set=first)
    assert rule_set_from_preset(by=cast.lin, now=NOW, rules=data, name="成长群群规").name == "成长群群规 2"


def test_a_copy_says_what_the_version_in_force_says(cast, rules):
    published = publish(cast, rules)
    copy = rule_set_copy(by=cast.lin, now=NOW, rule_set=rules, name="杭州群规", branch=cast.hangzhou)
    assert version_content(copy.versions.get()) == version_content(published)


def test_compiled_rules_follow_each_save(cast, rules):
    draft = rules.versions.get()
    assert found(draft, "找我代购") == ["ads"]
    changed = replace(ADS, params={"words": ["团购"]})
    draft_save(by=cast.lin, now=NOW, version=draft, revision=1, content=VersionContent(rules=(changed,)))
    assert found(draft, "找我代购") == []
    assert found(draft, "找我团购") == ["ads"]


def test_a_rule_set_goes_out_and_comes_in_as_yaml(cast):
    version = rule_set_create(by=cast.lin, now=NOW, name="往返").versions.get()
    content = version_content(version)
    assert content_from_yaml(content_yaml("往返", content)) == ("往返", content)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("rules: [", ""),
        ("- 1", ""),
        ("ruels: []", "/ruels"),
        ("rules: [{text: 好, colour: red}]", "/rules/0/colour"),
        ("rules: [{text: 好, detector: telepathy}]", "/rules/0/detector"),
        ("rules: [{text: 好, detector: flood, params: {messages: many}}]", "/rules/0/params/messages"),
        ("rules: [{text: 好, code: a}, {text: 好, code: a}]", "/rules/1/code"),
        ("ladder: [{strikes: true, action: mute}]", "/ladder/0/strikes"),
        ("rules: [{text: [1]}]", "/rules/0/text"),
        ("rules: [{text: 好, detector: [1], params: 3}]", "/rules/0/detector"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(text, path):
    with pytest.raises(ContentError) as error:
        content_from_yaml(text)
    assert error.value.errors[0][0] == path
