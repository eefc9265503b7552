"""What variables stand for: in the language of the text, never read twice, never markup."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from campaigns.content.models import Piece
from campaigns.content.services import piece_create
from campaigns.content.variables import group_values, personal_values
from community_ops.lib.variables import filled, unknown_variables
from tests.builders import NOW, make_group, make_member

EVENING = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)  # Tuesday already in Shanghai


@pytest.mark.django_db
def test_days_are_said_in_the_language_of_the_text_and_on_the_local_calendar():
    group = make_group()
    chinese, english = (group_values(group, EVENING, text) for text in ("今天 {date}", "Today {date}"))
    assert (chinese["date"], chinese["weekday"]) == ("3月3日", "星期二")
    assert (english["date"], english["weekday"]) == ("3 March", "Tuesday")


@pytest.mark.django_db
def test_values_arrive_as_text_and_are_not_filled_in_again():
    group = make_group("<b>{slogan}</b> {{ 7*7 }} {% now %} *粗*", slogan="{group}")
    member = make_member("{group}<script>", groups=[group])
    values = personal_values(member, group, NOW, "你好")
    assert filled("{name} 在 {group}：{slogan}", values) == (
        "{group}<script> 在 <b>{slogan}</b> {{ 7*7 }} {% now %} *粗*：{group}"
    )


def test_unknown_variables_are_found_with_their_places():
    found = unknown_variables("早 {group}\n{x} 和 {群名}", {"group"})
    assert [(item.name, item.line, item.column, item.before, item.after) for item in found] == [
        ("x", 2, 1, "", " 和 {群名}"),
        ("群名", 2, 7, "{x} 和 ", ""),
    ]
    assert unknown_variables("{ group } {} {{group}}", {"group"}) == []


@pytest.mark.django_db
def test_a_piece_that_names_one_member_is_not_for_groups():
    for title, text in (("早", "大家好"), ("{name}，早", "欢迎"), ("早", "{name} 你好")):
        piece_create(by=None, now=NOW, title=title, text=text, value="link")
    assert [piece.text for piece in Piece.objects.for_groups()] == ["大家好"]
    assert [piece.is_to_one_person for piece in Piece.objects.order_by("pk")] == [False, True, True]
