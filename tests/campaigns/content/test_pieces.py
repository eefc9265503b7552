"""Pieces of the library: who writes them, what is refused, what two editors are told, where they were used."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from campaigns.content import hooks
from campaigns.content.models import ContentTag, Piece
from campaigns.content.services import StalePiece, piece_create, piece_set_state, piece_update
from campaigns.models import Post
from delivery.models import Delivery, Picture, State
from delivery.services import Content, NewDelivery, deliveries_plan, message_create
from groups.bulk.actions import action_named
from groups.bulk.services import bulk_start, bulk_undo, bulk_work
from tests.builders import NOW, make_group, make_member
from tests.campaigns.content.things import picture_bytes

pytestmark = pytest.mark.django_db

TYPED = {"kind": "article", "title": "早安", "text": "大家早", "value": "information", "state": "ready", "branch": ""}


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def mei(client, cast):
    client.force_login(cast.mei)
    return client


def write(by=None, **fields):
    return piece_create(**{"by": by, "now": NOW, "title": "早安", "text": "大家早", "value": "information", **fields})


def send(piece, group, *, at=NOW, post_id=None, state=State.SENT):
    """A delivery of the piece, as the outbox keeps it."""
    message = message_create(content=Content(title=piece.title, text=piece.text, piece_id=piece.pk))
    key = f"test-{group.pk}-{at.isoformat()}-{piece.pk}"
    row = NewDelivery(key, "inapp", None, group.pk, group.external_id, at, "late", at, post_id)
    deliveries_plan(message=message, rows=[row])
    Delivery.objects.filter(dedupe_key=key).update(state=state, settled_at=at)


def test_a_branch_writes_its_own_pieces_and_headquarters_for_all(mei, client, cast):
    answer = mei.post(reverse("campaigns:piece_new"), {**TYPED, "tags": "晨读, 打卡，晨读"})
    piece = Piece.objects.get()
    assert answer["Location"] == reverse("campaigns:piece", args=[piece.pk])
    assert piece.branch == cast.hangzhou
    assert sorted(tag.name for tag in piece.tags.all()) == ["打卡", "晨读"]
    assert {tag.branch for tag in ContentTag.objects.all()} == {cast.hangzhou}
    client.force_login(cast.lin)
    client.post(reverse("campaigns:piece_new"), TYPED)
    shared = Piece.objects.latest("pk")
    assert shared.branch is None
    client.force_login(cast.out)
    page = client.get(reverse("campaigns:pieces")).content.decode()
    assert reverse("campaigns:piece", args=[shared.pk]) in page
    assert reverse("campaigns:piece", args=[piece.pk]) not in page
    assert client.get(reverse("campaigns:piece", args=[piece.pk])).status_code == 404
    assert client.get(reverse("campaigns:piece", args=[shared.pk])).status_code == 200
    assert client.get(reverse("campaigns:piece_edit", args=[shared.pk])).status_code == 403
    assert client.post(reverse("campaigns:piece_retire", args=[shared.pk])).status_code == 403


def test_an_unknown_variable_is_refused_and_its_place_marked(mei):
    text = "各位好\r\n\r\n今天是 {date}，😀欢迎来到 {groop}，一起读书"
    answer = mei.post(reverse("campaigns:piece_new"), {**TYPED, "text": text})
    assert answer.status_code == 422
    assert not Piece.objects.exists()
    page = answer.content.decode()
    assert "{date}，😀欢迎来到 <mark>{groop}</mark>，一起读书" in page
    assert "Line 3, character" in page
    # The box counts in units of UTF-16, with one character for the end of a line.
    typed = text.replace("\r\n", "\n")
    start = len(typed[: typed.index("{groop}")].encode("utf-16-le")) // 2
    assert f'data-mark-from="{start}"' in page
    assert f'data-mark-to="{start + 7}"' in page
    with pytest.raises(ValidationError) as refused:
        write(text="早\n{groop}")
    assert refused.value.error_dict["text"][0].code == "unknown_variable"
    assert "Line 2, character 1: {groop}" in refused.value.messages[0]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"title": " "}, "title"),
        ({"text": "\n"}, "text"),
        ({"value": "fun"}, "value"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": "https://例 子"}, "link"),
        ({"link_title": "点这里"}, "link"),
        ({"kind": "question"}, "level"),
        ({"tags": ["长" * 41]}, "tags"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_field(fields, name):
    with pytest.raises(ValidationError) as refused:
        write(**fields)
    assert name in refused.value.error_dict


def test_a_picture_that_was_uploaded_survives_a_mistake_elsewhere(mei, cast):
    upload = SimpleUploadedFile("a.png", picture_bytes())
    answer = mei.post(reverse("campaigns:piece_new"), {**TYPED, "value": "", "picture": upload})
    assert answer.status_code == 422
    token = re.search(r'name="picture_token" value="([^"]+)"', answer.content.decode())[1]
    mei.post(reverse("campaigns:piece_new"), {**TYPED, "picture_token": token})
    piece = Piece.objects.get()
    assert piece.picture.token == token
    assert piece.picture.branch_id == cast.hangzhou.pk
    mei.post(
        reverse("campaigns:piece_edit", args=[piece.pk]), {**TYPED, "picture_token": token, "picture_remove": "on"}
    )
    piece.refresh_from_db()
    assert piece.picture is None
    bad = SimpleUploadedFile("a.png", b"no picture")
    answer = mei.post(reverse("campaigns:piece_new"), {**TYPED, "picture": bad})
    assert answer.status_code == 422
    assert "not a picture" in answer.content.decode()


def test_the_picture_of_another_branch_cannot_be_chosen(mei, client, cast):
    client.force_login(cast.out)
    client.post(reverse("campaigns:piece_new"), {**TYPED, "picture": SimpleUploadedFile("a.png", picture_bytes())})
    token = Picture.objects.get().token
    client.force_login(cast.mei)
    client.post(reverse("campaigns:piece_new"), {**TYPED, "picture_token": token})
    assert Piece.objects.get(branch=cast.hangzhou).picture is None


def test_two_editors_are_told_of_each_other(mei, cast):
    piece = write(by=cast.mei)
    piece_update(by=cast.lin, now=NOW, piece=piece, text="改过了")
    with pytest.raises(StalePiece):
        piece_update(by=cast.mei, now=NOW, piece=piece, version=1, text="我的")
    edit = reverse("campaigns:piece_edit", args=[piece.pk])
    answer = mei.post(edit, {**TYPED, "text": "我的", "version": 1})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "改过了" in page
    assert ">\n我的</textarea>" in page
    assert mei.post(edit, {**TYPED, "text": "我的", "version": 2}).status_code == 302
    piece.refresh_from_db()
    assert piece.text == "我的"


def test_only_a_change_of_what_is_sent_reaches_what_is_planned(cast, monkeypatch):
    heard = []
    monkeypatch.setattr(hooks, "_hooks", [])
    hooks.on_piece_changed(lambda piece, now: heard.append((piece.text, now)))
    piece = write(by=cast.mei)
    piece_update(by=cast.mei, now=NOW, piece=piece, tags=["晨读"])
    piece_update(by=cast.mei, now=NOW, piece=piece, text="大家早")
    assert heard == []
    piece_update(by=cast.mei, now=NOW, piece=piece, text="早上好")
    assert heard == [("早上好", NOW)]


def test_a_piece_in_use_cannot_become_one_branchs_own(cast):
    piece = write()
    Post.objects.create(
        title="早安",
        created_at=NOW,
        at=NOW,
        timezone="Asia/Shanghai",
        piece=piece,
        message=message_create(content=Content(title="早安", text="早")),
        planned_until=NOW,
    )
    with pytest.raises(ValidationError, match="its branch stays"):
        piece_update(by=cast.lin, now=NOW, piece=piece, branch_id=cast.hangzhou.pk)


def test_a_piece_shows_where_it_was_used_within_reach(mei, client, cast):
    here, there = make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)
    piece = write()
    send(piece, here, at=NOW - timedelta(days=2))
    send(piece, here)
    send(piece, there)
    page = mei.get(reverse("campaigns:piece", args=[piece.pk]))
    usage = page.context["usage"]
    assert (usage.times, usage.groups, usage.days, usage.last_at) == (2, 1, 2, NOW)
    assert there.name not in page.content.decode()
    client.force_login(cast.lin)
    assert client.get(reverse("campaigns:piece", args=[piece.pk])).context["usage"].groups == 2
    rows = client.get(reverse("campaigns:pieces")).context["listing"].rows
    assert (rows[0].groups_reached, rows[0].last_used_at) == (2, NOW)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"公告", "提问", "未发"}),
        ("?q=满减", {"公告"}),
        ("?kind=question", {"提问"}),
        ("?level=easy", {"提问"}),
        ("?value=benefit", {"公告"}),
        ("?used=never", {"提问", "未发"}),
        ("?used=ever", {"公告"}),
        ("?state=draft", {"未发"}),
        ("?state=retired", {"旧的"}),
        ("?state=any", {"公告", "提问", "未发", "旧的"}),
        ("?branch=shared", {"公告", "提问"}),
        ("?tag=nonsense&sort=bogus", {"公告", "提问", "未发"}),
    ],
)
def test_the_library_is_searched_and_filtered(mei, cast, query, expected):
    send(write(title="公告", text="满减", value="benefit"), make_group(branch=cast.hangzhou))
    write(title="提问", kind="question", level="easy")
    write(by=cast.mei, title="未发", state="draft")
    piece_set_state(by=cast.mei, now=NOW, piece=write(by=cast.mei, title="旧的"), state="retired")
    rows = mei.get(reverse("campaigns:pieces") + query).context["listing"].rows
    assert {piece.title for piece in rows} == expected


def test_lists_cost_the_same_with_many_rows(mei, cast, django_assert_max_num_queries):
    group = make_group(branch=cast.hangzhou)
    counts = []
    for number in (2, 18):
        for _ in range(number):
            piece = write(by=cast.mei, kind="question", level="deep", tags=["晨读", "打卡"])
            send(piece, group)
        for name, args in (("pieces", []), ("questions", []), ("piece", [piece.pk])):
            with django_assert_max_num_queries(40) as captured:
                mei.get(reverse(f"campaigns:{name}", args=args))
            counts.append((name, len(captured)))
    assert counts[:3] == counts[3:]


def test_a_list_is_exported_with_its_texts(mei, cast):
    write(by=cast.mei, text="=cmd", tags=["晨读"])
    file = b"".join(mei.get(reverse("campaigns:pieces") + "?export=csv")).decode("utf-8-sig")
    assert "'=cmd" in file
    assert "晨读" in file


def test_what_retiring_many_would_do_is_shown_with_their_titles(mei, cast):
    write(by=cast.mei, title="我的"), write(title="大家的")
    page = mei.post(reverse("groups:bulk", args=["piece"]), {"action": "piece.retire", "all": "1", "query": ""})
    assert "我的" in page.content.decode()
    assert "not yours to decide" in page.content.decode()


def test_many_are_retired_or_tagged_at_once_and_taken_back(cast):
    mine, shared = write(by=cast.mei, title="我的", tags=["旧"]), write(title="大家的")
    old = ContentTag.objects.get()
    for slug, params, changed, unchanged_back in (
        ("piece.retire", {}, {"state": "retired"}, {"state": "ready"}),
        ("piece.tag", {"tags": "新、好"}, {"tags": ["好", "新", "旧"]}, {"tags": ["旧"]}),
        ("piece.untag", {"tag": str(old.pk)}, {"tags": []}, {"tags": ["旧"]}),
    ):
        run = bulk_start(
            by=cast.mei,
            now=NOW,
            key=slug,
            action=action_named(slug),
            params=params,
            chosen=Piece.objects.visible_to(cast.mei),
        )
        bulk_work(run_id=run.pk, clock=lambda: NOW)
        run.refresh_from_db()
        assert (run.changed, run.unchanged) == (1, 1), slug
        assert state_of(mine).items() >= changed.items()
        assert state_of(shared) == {"state": "ready", "tags": []}
        bulk_undo(by=cast.mei, now=NOW, run=run)
        bulk_work(run_id=run.pk, clock=lambda: NOW)
        assert state_of(mine).items() >= unchanged_back.items()


def state_of(piece):
    piece.refresh_from_db()
    return {"state": piece.state, "tags": sorted(piece.tags.values_list("name", flat=True))}


def test_the_preview_fills_in_for_a_group_and_a_member(mei, cast):
    group = make_group("杭州·{slogan}读书群", branch=cast.hangzhou, slogan="每天十分钟")
    make_group("成都读书群", branch=cast.chengdu)
    make_member("王子涵妈妈", groups=[group])
    preview = reverse("campaigns:piece_preview")
    typed = {"title": "{name}，早", "text": "欢迎来到{group}：{slogan}。{nobody}"}
    page = mei.post(preview, {**typed, "as_group": "读书群", "as_member": "子涵"}).content.decode()
    assert "王子涵妈妈，早" in page
    # What a value holds is never read as a variable again.
    assert "欢迎来到杭州·{slogan}读书群：每天十分钟。{nobody}" in page
    # A Chinese character is three bytes to a robot, and a title with an empty line goes before the text.
    long = mei.post(preview, {"title": "早", "text": "读" * 700, "as_group": "读书群"})
    assert [(item.used, item.most, item.fits) for item in long.context["lengths"]] == [
        (700, 5000, True),
        (2105, 2048, False),
    ]
    assert "too long" in long.content.decode()
    assert "No group of this name" in mei.post(preview, {"as_group": "成都"}).content.decode()
