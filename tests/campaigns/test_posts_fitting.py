"""A post as it is written: how long it is on each channel, where a variable is wrong, how a chosen group reads it."""

from __future__ import annotations

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client

from campaigns.models import Piece, Post
from campaigns.posts.occurrences import occurrence_reword
from campaigns.posts.services import Source
from delivery.services import destination_create
from groups.models import Group
from tests.api.base import Caller, assert_problem
from tests.base import Cast
from tests.builders import NOW, make_group
from tests.campaigns.test_planning import change
from tests.campaigns.test_posts_api import body
from tests.campaigns.test_posts_console import make_post, signed_in, typed

pytestmark = pytest.mark.django_db
# With "Read aloud" and the empty line between: 2,049 bytes, though only 691 characters.
TOO_LONG = "读" * 679


@pytest.fixture(autouse=True)
def _monday():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def lin(cast: Cast) -> Client:
    return signed_in(cast.lin)


def robot_group(name: str, **fields) -> Group:
    return make_group(name, destination=destination_create(kind="robot", secret=f"key-of-{len(name)}"), **fields)


def test_a_text_too_long_for_a_robot_is_refused_with_its_bytes_and_its_groups(lin: Client):
    page, robot = make_group("Page"), robot_group("Robots read")

    refused = lin.post("/posts/new/", typed(page, robot, body=TOO_LONG))
    assert refused.status_code == 422
    assert "2,049 of at most 2,048 bytes, in Robots read." in refused.content.decode()
    assert not Post.objects.exists()

    assert lin.post("/posts/new/", typed(page, robot, body=TOO_LONG[1:])).status_code == 302
    assert lin.post("/posts/new/", typed(page, body=TOO_LONG)).status_code == 302
    refused = lin.post("/posts/new/", typed(body=TOO_LONG, recipients="audience", name="robots"))
    assert "in Robots read." in refused.content.decode()


def test_the_api_names_the_field_and_the_code(cast: Cast):
    robot_group("Robots read", external_id="g1")
    problem = assert_problem(Caller(cast.lin).post("/posts/", body("g1", body=TOO_LONG)), 400, "invalid")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/body", "too_long")]


def test_a_post_cannot_become_too_long_later_nor_at_one_time_nor_by_a_piece():
    robot = robot_group("Robots read")
    post = make_post(robot)
    long = Piece.objects.create(title="Long", text=TOO_LONG * 2, value="learning", created_at=NOW, updated_at=NOW)
    for fields, name in (({"body": TOO_LONG}, "body"), ({"source": Source(piece=long)}, "piece")):
        with pytest.raises(ValidationError) as caught:
            change(post, **fields)
        assert caught.value.error_dict[name][0].code == "too_long"
    with pytest.raises(ValidationError) as caught:
        occurrence_reword(by=None, now=NOW, occurrence=post.occurrences.all()[0], title="Read aloud", text=TOO_LONG)
    assert caught.value.error_dict["text"][0].code == "too_long"


def test_variables_count_as_they_are_filled(lin: Client):
    short = robot_group("R", purpose="Reading")
    long = robot_group("Robots read", purpose="读" * 100)
    fields = {"body": "读" * 600 + "{purpose}"}
    assert lin.post("/posts/new/", typed(short, **fields)).status_code == 302
    refused = lin.post("/posts/new/", typed(short, long, **fields)).content.decode()
    assert "2,112 of at most 2,048 bytes, in Robots read." in refused


def test_the_form_tells_the_length_on_the_channels_of_the_chosen_groups(lin: Client):
    page, robot = make_group("Page"), robot_group("Robots read")
    check = lin.post("/posts/check/", typed(page, body=TOO_LONG)).content.decode()
    assert "679 / 5,000" in check
    assert "bytes" not in check
    check = lin.post("/posts/check/", typed(page, robot, body=TOO_LONG)).content.decode()
    assert "2,049 / 2,048" in check
    assert 'too long</strong>: <span translate="no">Robots read</span>' in check


def test_the_check_is_read_as_the_group_that_is_chosen(lin: Client):
    one, two, other = make_group("One"), make_group("Two"), make_group("Other")
    fields = typed(one, two, body="Welcome to {group}!")
    assert "Welcome to One!" in lin.post("/posts/check/", fields).content.decode()
    assert "Welcome to Two!" in lin.post("/posts/check/", {**fields, "as_group": two.pk}).content.decode()
    assert "Welcome to One!" in lin.post("/posts/check/", {**fields, "as_group": other.pk}).content.decode()
    # Also while its time is not right yet.
    assert "Welcome to Two!" in lin.post("/posts/check/", {**fields, "as_group": two.pk, "day": ""}).content.decode()


def test_an_unknown_variable_is_marked_where_it_stands(lin: Client):
    group = make_group()
    page = lin.post("/posts/new/", typed(group, body="\r\n😀 Hello\r\nto {grup} of us")).content.decode()
    assert "Line 3, character 4: {grup} is not known here." in page
    assert "…to <mark>{grup}</mark> of us…" in page
    assert 'data-mark-from="13"' in page
    assert 'data-mark-to="19"' in page

    post = make_post(group)
    edit = f"/calendar/{post.occurrences.first().pk}/edit/"
    page = lin.post(edit, {"title": "Read {loud}", "text": "Ten minutes."}).content.decode()
    assert "Read <mark>{loud}</mark>" in page


def test_a_text_is_kept_without_the_blanks_around_it(lin: Client):
    lin.post("/posts/new/", typed(make_group(), body="\r\n Ten\r\nminutes. \r\n"))
    assert Post.objects.get().body == "Ten\nminutes."
