from __future__ import annotations

import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.urls import reverse

from accounts.models import AuditEntry
from groups.models import Category, Motivation, PresetEdit
from groups.presets.reading import PresetErrors, preset_parse
from groups.presets.selectors import preset_for, presets_all, shipped_text
from groups.presets.services import StalePreset, preset_apply, preset_reset, preset_save, preset_version
from tests.builders import NOW, make_group

URL = "/settings/presets/growth/"


@pytest.mark.parametrize("motivation", Motivation.values)
def test_every_shipped_preset_can_be_taken_over(cast, motivation):
    group = make_group(motivation=motivation)
    plan = preset_apply(by=cast.lin, now=NOW, group=group)
    assert sum(plan.mix.values()) == 100
    assert plan.days[0]["day"] == 1
    group.refresh_from_db()
    rules = group.rule_set.versions.get(state="published").rules.all()
    assert len(rules) >= 5
    assert {rule.category for rule in rules} <= set(Category.values)


def test_what_a_group_has_stays_and_taking_over_twice_changes_nothing(cast):
    group = make_group()
    first = preset_apply(by=cast.lin, now=NOW, group=group)
    group.refresh_from_db()
    rules = group.rule_set
    changed = (
        shipped_text("growth").replace("learning: 50", "learning: 45").replace("information: 15", "information: 20")
    )
    preset_save(by=cast.lin, now=NOW, motivation="growth", text=changed, version=0)
    again = preset_apply(by=cast.lin, now=NOW, group=group)
    group.refresh_from_db()
    assert (again.pk, again.mix["learning"], group.rule_set) == (first.pk, 50, rules)
    assert preset_for("growth").mix["learning"] == 45


BAD = [
    ("mix:\n", "information: 15", "information: 16", "mix", "The shares add up to 101, not to 100."),
    ("motivation", "motivation: growth", "motivation: sales", "motivation", "a preset keeps its motivation"),
    ("action", "action: mute", "action: shout", "rules.items[4].action", "This must be one of"),
    ("twice", "code: no-adding", "code: no-ads", "rules.items[3].code", "is there twice"),
    ("day", "day: 14", "day: 15", "playbook[7].day", "from 1 to 14"),
    ("unknown", "noise_ceiling: 150", "noise_ceiling: 150\nnoice: 1", "noice", "There is no such field"),
    ("missing", "noise_ceiling: 150", "", "", "The field noise_ceiling is missing."),
    ("number", "noise_ceiling: 150", "noise_ceiling: true", "noise_ceiling", "A whole number from"),
    ("slug", "[joined,", "[JOINED,", "funnel[0]", "Only lower-case letters"),
    (
        "params",
        "detector: link",
        "detector: link, params: {speed: 1}",
        "rules.items[2].params.speed",
        "no such setting",
    ),
    ("yaml", "mix:", "mix: [", "", "This is not YAML"),
    ("alias", "name: 成长学习群\n", "name: &a 成长学习群\nsummary2: *a\n", "", "Aliases"),
]


@pytest.mark.parametrize(("_name", "old", "new", "path", "words"), BAD, ids=[case[0] for case in BAD])
def test_a_mistake_is_named_by_its_path_and_line(_name, old, new, path, words):
    text = shipped_text("growth")
    assert old in text
    with pytest.raises(PresetErrors) as caught:
        preset_parse(text.replace(old, new, 1), motivation="growth")
    error = next(error for error in caught.value.errors if words in error.message)
    assert error.path == path
    if path and path != "noice":
        line = text.replace(old, new, 1).splitlines()[error.line - 1]
        assert path.split(".")[-1].split("[")[0] in line or new.split(":")[0] in line


@pytest.mark.parametrize("text", ["", "- 1", "1", "null", "a: 1", "{" * 5000, "x" * 200_000, "\x07"])
def test_nonsense_is_refused_and_never_breaks(text):
    with pytest.raises(PresetErrors):
        preset_parse(text, motivation="growth")


def test_a_preset_is_viewed_changed_exported_compared_and_reset(client, cast):
    client.force_login(cast.lin)
    page = client.get(URL)
    assert "开营仪式" in page.content.decode()
    text = page.context["form"]["text"].value().replace("name: 成长学习群\n", "name: 阅读成长群\n")
    bad = client.post(URL, {"version": "0", "text": text.replace("learning: 50", "learning: 51")})
    assert bad.status_code == 422
    content = bad.content.decode()
    assert "Line 5" in content
    assert "阅读成长群" in content, "what was typed stays"
    assert client.post(URL, {"version": "0", "text": text}).status_code == 302
    page = client.get(URL).content.decode()
    assert "Differences from the shipped preset" in page
    assert "is-added" in page
    exported = client.get(f"{URL}file/")
    assert exported.content.decode() == text
    assert "preset-growth.yaml" in exported["Content-Disposition"]
    assert client.post(f"{URL}reset/", {"version": str(preset_version("growth"))}).status_code == 302
    assert preset_for("growth").name == "成长学习群"
    assert AuditEntry.objects.filter(action__startswith="preset.").count() == 2
    file = SimpleUploadedFile("preset.yaml", text.encode())
    assert client.post(URL, {"version": "2", "text": "", "file": file}).status_code == 302
    assert preset_for("growth").name == "阅读成长群"
    assert client.get("/settings/presets/nonsense/").status_code == 404


def test_the_second_of_two_editors_sees_the_difference_and_loses_nothing(client, cast):
    client.force_login(cast.lin)
    theirs = shipped_text("growth").replace("name: 成长学习群\n", "name: 甲群\n")
    mine = shipped_text("growth").replace("name: 成长学习群\n", "name: 乙群\n")
    preset_save(by=cast.lin, now=NOW, motivation="growth", text=theirs, version=0)
    stale = client.post(URL, {"version": "0", "text": mine})
    assert stale.status_code == 409
    page = stale.content.decode()
    assert "甲群" in page
    assert "乙群" in page
    assert client.post(URL, {"version": stale.context["form"]["version"].value(), "text": mine}).status_code == 302
    assert preset_for("growth").name == "乙群"
    with pytest.raises(StalePreset):
        preset_reset(by=cast.lin, now=NOW, motivation="growth", version=1)


def test_all_presets_are_one_query(cast, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert [preset.motivation for preset in presets_all()] == Motivation.values
    assert reverse("groups:preset", args=["sales"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_of_two_first_changes_at_once_one_is_told(cast):
    outcomes = []
    barrier = threading.Barrier(2)

    def save(name):
        text = shipped_text("growth").replace("name: 成长学习群\n", f"name: {name}\n")
        barrier.wait()
        try:
            preset_save(by=cast.lin, now=NOW, motivation="growth", text=text, version=0)
            outcomes.append("saved")
        except StalePreset:
            outcomes.append("stale")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=save, args=[name]) for name in ("甲", "乙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["saved", "stale"]
    assert PresetEdit.objects.get().version == 1
