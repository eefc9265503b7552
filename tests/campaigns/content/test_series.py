"""Series: what they draw from, how their list is ordered, how long they last, how they look."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.urls import reverse
from PIL import Image

from campaigns.content import headers
from campaigns.content.headers import PALETTE, HeaderStyle, header_draw, mixed
from campaigns.content.models import Series, SeriesPiece
from campaigns.content.series_services import (
    StaleSeries,
    daily_questions_create,
    series_add,
    series_create,
    series_order,
    series_retire,
    series_update,
)
from campaigns.content.services import piece_create, piece_set_state
from campaigns.content.supply import first_shortage, supply_of
from campaigns.models import Occurrence, Post
from campaigns.posts.drawing import matching_pieces
from delivery.services import Content, message_create
from tests.builders import NOW

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def mei(client, cast):
    client.force_login(cast.mei)
    return client


def write(by=None, **fields):
    return piece_create(**{"by": by, "now": NOW, "title": "早安", "text": "大家早", "value": "information", **fields})


def titles(series):
    return [row.piece.title for row in series.listed.select_related("piece")]


def draw(series, piece, at, state="active"):
    """An occurrence for which this piece was drawn."""
    post = Post.objects.filter(series=series).first() or Post.objects.create(
        title=series.name,
        created_at=NOW,
        rrule="FREQ=DAILY",
        start_local="2026-03-01T09:00:00",
        timezone="Asia/Shanghai",
        series=series,
        state=state,
        message=message_create(content=Content(title="早安", text="早")),
        planned_until=NOW,
    )
    return Occurrence.objects.create(post=post, local=f"{at:%Y-%m-%dT%H:%M:%S}", due_at=at, piece=piece)


@pytest.mark.django_db
def test_a_list_is_ordered_by_buttons_and_by_dragging(mei, cast):
    one, two, three = (write(by=cast.mei, title=title) for title in "一二三")
    series = series_create(by=cast.mei, now=NOW, name="晨读", pieces=[one, two, three])
    address = reverse("campaigns:series_pieces", args=[series.pk])
    mei.post(address, {"up": three.pk})
    assert titles(series) == ["一", "三", "二"]
    mei.post(address, {"down": one.pk})
    assert titles(series) == ["三", "一", "二"]
    part = mei.post(address, {"piece": [two.pk, one.pk, three.pk]}, headers={"hx-request": "true"})
    assert titles(series) == ["二", "一", "三"]
    assert f'id="up-{one.pk}"' in part.content.decode()
    mei.post(address, {"remove": one.pk})
    assert titles(series) == ["二", "三"]
    mei.post(address, {"add": one.pk})
    assert titles(series) == ["二", "三", "一"]
    # What somebody else listed meanwhile does not get lost.
    series_order(by=cast.mei, series=series, piece_ids=[three.pk, 999_999])
    assert titles(series) == ["三", "二", "一"]


@pytest.mark.django_db
def test_only_pieces_that_its_groups_may_get_are_listed(mei, cast):
    series = series_create(by=None, now=NOW, name="晨读")
    for refused in (
        write(by=cast.out, title="别人的"),
        write(title="{name}，早"),
        write(title="草稿", state="draft"),
    ):
        with pytest.raises(ValidationError):
            series_add(by=cast.lin, series=series, piece=refused)
    assert series_add(by=cast.lin, series=series, piece=write(title="大家的"))
    assert mei.get(reverse("campaigns:series", args=[series.pk])).status_code == 200
    assert mei.post(reverse("campaigns:series_pieces", args=[series.pk]), {"add": 1}).status_code == 403


@pytest.mark.django_db
def test_without_a_list_it_draws_from_what_matches(cast):
    write(title="题一", kind="question", level="easy", tags=["开学"])
    write(title="题二", kind="question", level="deep")
    write(title="文章")
    write(title="本部的", by=cast.mei, kind="question", level="easy")
    shared = series_create(by=cast.lin, now=NOW, name="问", kind="question", level="easy")
    own = series_create(by=cast.mei, now=NOW, name="问", kind="question", level="easy")
    tagged = series_create(by=cast.lin, now=NOW, name="开学", tags=["开学"])
    found = [sorted(matching_pieces(series).values_list("title", flat=True)) for series in (shared, own, tagged)]
    assert found == [["题一"], ["本部的", "题一"], ["题一"]]


@pytest.mark.django_db
def test_names_are_unique_for_a_branch_and_mistakes_are_told_by_field(cast):
    series_create(by=cast.mei, now=NOW, name="晨读")
    series_create(by=cast.out, now=NOW, name="晨读")
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"name": "晨读"}, "name"),
        ({"name": "问", "kind": "article", "level": "easy"}, "level"),
        ({"name": "问", "header_style": "neon", "header_color": "#1f7a4d"}, "header_style"),
        ({"name": "问", "header_style": "bar", "header_color": "#ffff00"}, "header_color"),
    ]
    for fields, name in mistakes:
        with pytest.raises(ValidationError) as refused:
            series_create(by=cast.mei, now=NOW, **fields)
        assert name in refused.value.error_dict


@pytest.mark.django_db
def test_a_header_is_drawn_anew_when_what_stands_on_it_changes(mei, cast):
    look: Any = {"header_style": "bar", "header_color": "#1f7a4d", "header_line": "每天一页"}
    series = series_create(by=cast.mei, now=NOW, name="晨读", **look)
    first = series.header
    with Image.open(io.BytesIO(first.file.read())) as picture:
        assert picture.size == (1068, 455)
    series = series_update(by=cast.mei, now=NOW, series=series, no_repeat_days=7)
    assert series.header == first
    series = series_update(by=cast.mei, now=NOW, series=series, name="夜读")
    assert series.header != first
    series = series_update(by=cast.mei, now=NOW, series=series, header_style="")
    assert series.header is None
    with pytest.raises(StaleSeries):
        series_update(by=cast.mei, now=NOW, series=series, version=1, name="午读")
    preview = reverse("campaigns:series_header")
    answer = mei.get(preview, {"name": "晨读", "style": "frame", "color": "#1d4ed8"})
    assert answer["Content-Type"] == "image/png"
    assert mei.get(preview, {"name": "晨读", "style": "frame", "color": "red"}).status_code == 404


def test_every_look_draws_every_name_and_no_boxes():
    drawn = {}
    for style in HeaderStyle.values:
        for name, line in (("晨读十分钟", ""), ("A long name of English words 40 chars x", "亲" * 60), ("😀问", "𠀀")):
            picture = header_draw(name=name, line=line, color="#1f7a4d", style=style)
            assert len(picture.data) < 200_000
            drawn[style, name] = picture.data
    assert len(set(drawn.values())) == len(drawn)
    # What the font lacks is left out, not drawn as a box; a name of nothing else has no picture.
    assert header_draw(name="问", line="", color="#1f7a4d", style="bar").data == drawn["bar", "😀问"]
    assert header_draw(name="😀", line="", color="#1f7a4d", style="bar") is None


def test_colours_stand_out_enough_to_be_read():
    def light(color):
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one, other):
        brighter, darker = sorted((light(one), light(other)), reverse=True)
        return (brighter + 0.05) / (darker + 0.05)

    for color in PALETTE:
        assert contrast(color, "#ffffff") >= 4.5
        assert contrast(color, mixed(color, 0.08)) >= 4.4  # names are large: 3 would do
        assert contrast(headers.MUTED, mixed(color, 0.2)) >= 4.5


@pytest.mark.django_db
def test_without_a_font_the_series_goes_without_its_picture_and_says_so(mei, cast, monkeypatch):
    headers.font_file.cache_clear()
    monkeypatch.setattr(headers, "KNOWN_FONTS", ())
    monkeypatch.setattr("shutil.which", lambda _name: None)
    try:
        series = series_create(by=cast.mei, now=NOW, name="晨读", header_style="bar", header_color="#1f7a4d")
        assert series.header is None
        page = mei.get(reverse("campaigns:series", args=[series.pk])).content.decode()
        assert "no font with Chinese characters" in page
    finally:
        headers.font_file.cache_clear()


@pytest.mark.django_db
def test_the_supply_says_when_a_piece_has_to_come_again_too_early(mei, cast):
    pieces = [write(by=cast.mei, title=f"第{number}") for number in range(5)]
    series = series_create(by=cast.mei, now=NOW, name="晨读", pieces=pieces, no_repeat_days=7)
    assert supply_of(series, NOW).until is None
    draw(series, pieces[0], NOW - DAY)
    draw(series, pieces[1], NOW - 8 * DAY)  # long enough ago
    for number, piece in enumerate([pieces[1], pieces[2], pieces[0]], start=1):
        draw(series, piece, NOW + number * DAY)
    supply = supply_of(series, NOW)
    assert (supply.pieces, supply.fresh, supply.times) == (5, 4, 3)
    assert [(item.piece.title, item.repeated) for item in supply.coming] == [
        ("第1", False),
        ("第2", False),
        ("第0", True),
    ]
    # Three planned days make a rhythm of three a week, which five pieces keep up.
    assert supply.until is None
    piece_set_state(by=cast.mei, now=NOW, piece=pieces[4], state="retired")
    piece_set_state(by=cast.mei, now=NOW, piece=pieces[3], state="retired")
    supply = supply_of(series, NOW)
    assert (supply.pieces, supply.until) == (3, NOW + 3 * DAY)
    assert mei.get(reverse("campaigns:series", args=[series.pk])).status_code == 200


def test_a_shortage_is_the_first_draw_that_finds_nothing_free():
    daily = [NOW + number * DAY for number in range(60)]
    assert first_shortage(pieces=31, used=[], times=daily, apart=30 * DAY) is None
    assert first_shortage(pieces=29, used=[], times=daily, apart=30 * DAY) == daily[29]
    assert first_shortage(pieces=5, used=[NOW - DAY], times=daily, apart=30 * DAY) == daily[4]
    assert first_shortage(pieces=0, used=[], times=daily, apart=DAY) == daily[0]
    assert first_shortage(pieces=1, used=[], times=daily, apart=0 * DAY) is None


@pytest.mark.django_db
def test_a_series_in_use_is_not_retired(mei, cast):
    piece = write(by=cast.mei)
    series = series_create(by=cast.mei, now=NOW, name="晨读", pieces=[piece])
    occurrence = draw(series, piece, NOW + DAY)
    with pytest.raises(ValidationError, match="Stop them first"):
        series_retire(by=cast.mei, now=NOW, series=series)
    Post.objects.filter(pk=occurrence.post_id).update(state="stopped")
    mei.post(reverse("campaigns:series_retire", args=[series.pk]))
    assert not mei.get(reverse("campaigns:series_list")).context["listing"].rows
    assert mei.get(reverse("campaigns:series_list") + "?retired=yes").context["listing"].rows == [series]
    mei.post(reverse("campaigns:series_restore", args=[series.pk]))
    series.refresh_from_db()
    assert series.retired_at is None


@pytest.mark.django_db
def test_the_questions_of_the_day_are_set_up_in_one_step_and_once(mei, cast):
    for _time in range(2):
        mei.post(reverse("campaigns:daily_questions"))
    made = Series.objects.order_by("pk")
    assert [(series.kind, series.level, series.order, series.branch) for series in made] == [
        ("question", "easy", "random", cast.hangzhou),
        ("question", "deep", "random", cast.hangzhou),
    ]
    assert daily_questions_create(by=cast.mei, now=NOW, names=("一", "二")) == []
    assert len(daily_questions_create(by=cast.lin, now=NOW, names=("一", "二"))) == 2


@pytest.mark.django_db
def test_lists_of_series_cost_the_same_with_many_rows(mei, cast, django_assert_max_num_queries):
    counts = []
    for number in (2, 18):
        for index in range(number):
            series = series_create(by=cast.mei, now=NOW, name=f"晨读{number}-{index}", tags=["开学"])
            for piece_number in range(index % 3 + number):
                series_add(by=cast.mei, series=series, piece=write(by=cast.mei, title=f"{piece_number}"))
        for name, args in (("series_list", []), ("series", [series.pk])):
            with django_assert_max_num_queries(40) as captured:
                mei.get(reverse(f"campaigns:{name}", args=args))
            counts.append((name, len(captured)))
    assert counts[:2] == counts[2:]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_two_people_listing_at_once_lose_nothing():
    pieces = [write(title=f"{number}") for number in range(8)]
    series = series_create(by=None, now=NOW, name="晨读")

    def add(piece):
        series_add(by=None, series=series, piece=piece)
        connections.close_all()

    threads = [threading.Thread(target=add, args=[piece]) for piece in pieces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = SeriesPiece.objects.filter(series=series)
    assert sorted(rows.values_list("position", flat=True)) == list(range(8))
