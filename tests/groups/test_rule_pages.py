"""The pages of rule sets."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from groups.models import RuleSet, RuleSetVersion
from groups.rules.content import content_yaml, rule_seen, starting_content, version_content
from groups.rules.services import draft_open, group_rule_set_assign, rule_set_create, version_publish
from tests.builders import NOW, make_group, make_rules


@pytest.fixture
def lin(cast):
    client = Client()
    client.force_login(cast.lin)
    return client


@pytest.fixture
def mei(cast):
    client = Client()
    client.force_login(cast.mei)
    return client


@pytest.fixture
def made(cast):
    return make_rules(cast.lin, None)


def page(name, *args):
    return reverse(f"groups:{name}", args=args)


def draft_of(made):
    return RuleSetVersion.objects.get(pk=made["rules_draft"])


def rule_form(content, code="ads", **changed):
    rule = content.rule(code)
    return {
        "seen": rule_seen(rule),
        "text": "不发广告",
        "category": "advertising",
        "detector": "keywords",
        "action": "warn",
        "strikes": "1",
        "reporter_points": "0",
        "p_words": "代购",
        "p_except": "",
        "p_whole_words": "on",
        **changed,
    }


def test_an_administrator_makes_a_rule_set_from_the_shipped_rules(lin):
    answer = lin.post(page("rule_set_new"), {"name": "新家长群"})
    made = RuleSet.objects.get()
    assert answer.headers["Location"] == page("rules_draft", made.pk)
    assert "不发广告" in lin.get(answer.headers["Location"]).text


def test_an_administrator_makes_a_rule_set_from_a_file(lin):
    file = SimpleUploadedFile("rules.yaml", content_yaml("旧群规", starting_content()).encode())
    lin.post(page("rule_set_new"), {"name": "导入的群规", "file": file})
    assert version_content(RuleSetVersion.objects.get()) == starting_content()


def test_a_file_that_cannot_be_used_says_where(lin):
    file = SimpleUploadedFile("rules.yaml", "rules: [{text: 好, detector: telepathy}]".encode("gb18030"))
    answer = lin.post(page("rule_set_new"), {"name": "导入的群规", "file": file})
    assert answer.status_code == 422
    assert "/rules/0/detector" in answer.text
    assert not RuleSet.objects.exists()


@pytest.mark.parametrize("count", [2, 20])
def test_the_list_asks_the_same_number_of_questions_however_long_it_is(cast, lin, count, django_assert_max_num_queries):
    for number in range(count):
        group = make_group(f"阅读群 {number}")
        rule_set = rule_set_create(by=cast.lin, now=NOW, name=f"群规 {number}")
        group_rule_set_assign(by=cast.lin, group=group, rule_set=rule_set)
    with django_assert_max_num_queries(7):
        answer = lin.get(page("rule_sets"))
    assert answer.text.count('class="row-link"') == count


def test_the_list_counts_groups_within_reach_only(cast, lin, mei, made):
    rule_set = RuleSet.objects.get()
    for branch in (cast.hangzhou, cast.chengdu):
        group_rule_set_assign(by=cast.lin, group=make_group(branch=branch), rule_set=rule_set)
    assert lin.get(page("rule_sets")).context["listing"].rows[0].group_count == 2
    assert mei.get(page("rule_sets")).context["listing"].rows[0].group_count == 1


def test_operators_read_and_never_change(cast, mei, made):
    text = mei.get(page("rule_set", made["rule_set"])).text
    assert "不发广告" in text
    assert page("rules_draft", made["rule_set"]) not in text
    assert mei.post(page("rules_archive", made["rule_set"])).status_code == 403


def test_an_administrator_of_a_branch_changes_its_own_rules_only(cast, made):
    cast.lin.branch = cast.hangzhou
    cast.lin.save()
    client = Client()
    client.force_login(cast.lin)
    assert client.get(page("rules_draft", made["rule_set"])).status_code == 403
    client.post(page("rules_copy", made["rule_set"]), {"name": "杭州群规"})
    own = RuleSet.objects.get(name="杭州群规")
    assert own.branch == cast.hangzhou
    assert client.get(page("rules_draft", own.pk)).status_code == 200


def test_a_rule_is_edited_and_doubles_are_told(lin, made):
    draft = draft_of(made)
    words = "代购，代 购\n代購\n团购"
    answer = lin.post(
        page("rules_draft_rule", made["rule_set"], "ads"),
        rule_form(version_content(draft), p_words=words),
        follow=True,
    )
    assert version_content(draft).rule("ads").params["words"] == ["代购", "团购"]
    assert "2 keywords are kept. 2 read the same as others and are left out." in answer.text


def test_keywords_come_from_a_file_too(lin, made):
    draft = draft_of(made)
    file = SimpleUploadedFile("words.csv", "团购,备注\n砍价,\n".encode("gb18030"))
    lin.post(page("rules_draft_rule", made["rule_set"], "ads"), {**rule_form(version_content(draft)), "file": file})
    assert version_content(draft).rule("ads").params["words"] == ["代购", "团购", "砍价"]
    answer = lin.get(page("rules_export", made["rule_set"], draft.number) + "?rule=ads")
    assert answer.content.decode("utf-8-sig").splitlines() == ['"代购"', '"团购"', '"砍价"']


def test_two_administrators_editing_one_rule_see_the_conflict_field_by_field(lin, made):
    address, draft = page("rules_draft_rule", made["rule_set"], "ads"), draft_of(made)
    opened = version_content(draft)
    lin.post(address, rule_form(opened, text="请不要发广告", p_words="代购\n团购"))
    answer = lin.post(address, rule_form(opened, text="广告一律不发", p_words="代购\n砍价"))
    assert answer.status_code == 409
    assert "广告一律不发" in answer.text
    assert [field.label for field in answer.context["conflict"]] == ["Rule", "Keywords"]
    words = answer.context["conflict"][1]
    assert (words.added, words.removed) == (("砍价",), ("团购",))
    assert version_content(draft).rule("ads").text == "请不要发广告"
    again = rule_form(opened, text="广告一律不发", seen=answer.context["form"]["seen"].value())
    assert lin.post(address, again).status_code == 302
    assert version_content(draft).rule("ads").text == "广告一律不发"


def test_what_is_typed_while_somebody_publishes_goes_into_the_next_draft(cast, lin, made):
    draft = draft_of(made)
    form = rule_form(version_content(draft), text="广告一律不发")
    version_publish(by=cast.lin, now=NOW, version=draft, revision=draft.revision)
    assert lin.post(page("rules_draft_rule", made["rule_set"], "ads"), form).status_code == 302
    newest = RuleSet.objects.get().versions.get(state="draft")
    assert (newest.number, version_content(newest).rule("ads").text) == (3, "广告一律不发")


def test_another_detector_shows_its_fields_and_keeps_what_was_typed(lin, made):
    form = rule_form(version_content(draft_of(made)), detector="flood", switch="1", text="不刷屏")
    answer = lin.post(page("rules_draft_rule", made["rule_set"], "ads"), form)
    assert answer.status_code == 200
    assert 'name="p_same_seconds"' in answer.text
    assert "不刷屏" in answer.text


def test_a_wrong_rule_is_shown_again_with_what_to_mend(lin, made):
    form = rule_form(version_content(draft_of(made)), detector="pattern", p_patterns="加(微信", text="")
    answer = lin.post(page("rules_draft_rule", made["rule_set"], "ads"), form)
    assert answer.status_code == 422
    form["text"] = "不加人"
    answer = lin.post(page("rules_draft_rule", made["rule_set"], "ads"), form)
    assert answer.status_code == 422
    assert "Line 1, character 2" in answer.text


def test_rules_are_moved_by_button(lin, made):
    draft = draft_of(made)
    lin.post(
        page("rules_draft_rule_new", made["rule_set"]),
        {**rule_form(version_content(draft)), "seen": "", "text": "不骂人", "category": "abuse", "p_words": "笨蛋"},
    )
    codes = [rule.code for rule in version_content(draft).rules]
    assert codes == ["ads", "abuse"]
    answer = lin.post(
        page("rules_draft_order", made["rule_set"]),
        {"codes": codes, "move": "abuse:-1"},
        headers={"HX-Request": "true"},
    )
    assert "Rule 1 of 2" in answer.text
    assert [rule.code for rule in version_content(draft).rules] == ["abuse", "ads"]


def test_a_rule_is_removed_after_a_look_at_it(lin, made):
    address = page("rules_draft_rule_remove", made["rule_set"], "ads")
    assert "不发广告" in lin.get(address).text
    assert lin.post(address, {"seen": "old"}).status_code == 409
    lin.post(address, {"seen": lin.get(address).context["seen"]})
    assert version_content(draft_of(made)).rules == ()


def test_the_ladder_is_edited_and_never_gets_milder(lin, made):
    address = page("rules_draft_details", made["rule_set"])
    form = {"seen": lin.get(address).context["form"]["seen"].value(), "preamble": "大家好", "strike_days": "30"}
    assert lin.post(address, {**form, "at_warn": "3", "at_mute": "2"}).status_code == 422
    lin.post(address, {**form, "at_warn": "2", "at_remove": "4"})
    draft = draft_of(made)
    assert draft.ladder == [{"strikes": 2, "action": "warn"}, {"strikes": 4, "action": "remove"}]
    answer = lin.post(address, {**form, "preamble": "各位好"})
    assert answer.status_code == 409
    assert [str(field.label) for field in answer.context["conflict"]] == ["Preamble", "Ladder"]


def test_publishing_shows_what_changes_and_for_whom(cast, lin, made):
    draft, rule_set = draft_of(made), RuleSet.objects.get()
    group_rule_set_assign(by=cast.lin, group=make_group("晨读群"), rule_set=rule_set)
    lin.post(page("rules_draft_rule", rule_set.pk, "ads"), rule_form(version_content(draft), text="请不要发广告"))
    address = page("rules_publish", rule_set.pk)
    answer = lin.get(address)
    assert "晨读群" in answer.text
    assert answer.context["diff"].changed_count == 1
    assert answer.context["form"]["reacknowledge"].value() is True
    assert lin.post(address, {"revision": "1", "note": "改了说法"}).status_code == 409
    lin.post(address, {"revision": "2", "reacknowledge": "on", "note": "改了说法"})
    draft.refresh_from_db()
    assert (draft.state, draft.reacknowledge, draft.note) == ("published", True, "改了说法")


def test_an_old_version_is_restored_unless_a_draft_waits(cast, lin, made):
    rule_set, draft = RuleSet.objects.get(), draft_of(made)
    assert "is a draft already" in lin.post(page("rules_restore", rule_set.pk, 1), follow=True).text
    version_publish(by=cast.lin, now=NOW, version=draft, revision=draft.revision)
    lin.post(page("rules_restore", rule_set.pk, 1))
    assert rule_set.versions.get(state="draft").number == 3


def test_a_draft_is_thrown_away_after_a_look_at_it(lin, made):
    assert lin.get(page("rules_discard", made["rule_set"])).status_code == 200
    lin.post(page("rules_discard", made["rule_set"]))
    assert [version.state for version in RuleSetVersion.objects.all()] == ["published"]


def test_rules_in_use_are_not_put_out_of_use(cast, lin, made):
    rule_set, group = RuleSet.objects.get(), make_group()
    group_rule_set_assign(by=cast.lin, group=group, rule_set=rule_set)
    assert "Give it others first" in lin.post(page("rules_archive", rule_set.pk), follow=True).text
    group_rule_set_assign(by=cast.lin, group=group, rule_set=None)
    lin.post(page("rules_archive", rule_set.pk))
    rule_set.refresh_from_db()
    assert rule_set.archived_at
    lin.post(page("rules_unarchive", rule_set.pk))
    rule_set.refresh_from_db()
    assert rule_set.archived_at is None


def test_a_sentence_is_tried_with_hits_marked(mei, made):
    answer = mei.post(page("rules_try", made["rules_version_pk"]), {"sentence": "周末<找我>代 購"})
    assert "周末&lt;找我&gt;<mark>代 購</mark>" in answer.text
    assert "No rule is broken" in mei.post(page("rules_try", made["rules_version_pk"]), {"sentence": "早上好"}).text


def test_a_rule_is_tried_while_it_is_typed(lin, made):
    form = {"detector": "keywords", "p_words": "团购\n团 购\na", "sentence": "今晚团购"}
    answer = lin.post(page("rules_try_form"), form)
    assert "<mark>团购</mark>" in answer.text
    assert "2 are left out" in answer.text
    answer = lin.post(page("rules_try_form"), {"detector": "pattern", "p_patterns": "(", "sentence": "今晚"})
    assert "Line 1, character 1" in answer.text


@pytest.mark.parametrize("view", ["split", "inline"])
def test_versions_are_compared_word_by_word(cast, lin, made, view):
    draft = draft_of(made)
    lin.post(
        page("rules_draft_rule", made["rule_set"], "ads"),
        rule_form(version_content(draft), text="不发任何广告", p_words="团购"),
    )
    text = lin.get(page("rules_diff", made["rule_set"]) + f"?view={view}").text
    assert '<span translate="no">任何</span>' in text
    assert '<ins class="word">' in text


def test_a_draft_that_is_gone_leads_to_the_rules(cast, lin, made):
    draft = draft_of(made)
    version_publish(by=cast.lin, now=NOW, version=draft, revision=draft.revision)
    answer = lin.post(page("rules_publish", made["rule_set"]), {"revision": "1"}, follow=True)
    assert "There is no draft any more" in answer.text
    draft_open(by=cast.lin, now=NOW, rule_set=RuleSet.objects.get())
