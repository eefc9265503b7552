from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from tests.builders import NOW

PASSWORD = "river-lantern-42"
URL = "/sign-in/"


def sign_in(client, username="mei", password=PASSWORD, **more):
    return client.post(URL, {"username": username, "password": password, **more})


def test_staff_sign_in_and_land_on_today(client, cast):
    response = sign_in(client)
    assert response.status_code == 302
    assert response["Location"] == reverse("campaigns:today")
    assert client.get("/today/").status_code == 200


def test_strangers_are_sent_to_the_door_and_back(client, cast):
    response = client.get("/groups/?state=forming")
    assert response["Location"] == "/sign-in/?next=/groups/%3Fstate%3Dforming"
    assert sign_in(client, next="/groups/?state=forming")["Location"] == "/groups/?state=forming"


@pytest.mark.parametrize(
    "where",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http:evil.example", ""],
)
def test_signing_in_never_leads_to_another_site(client, cast, where):
    assert sign_in(client, next=where)["Location"] == reverse("campaigns:today")


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_switching_language_never_leads_to_another_site(client, db, where):
    response = client.post("/language/", {"language": "en", "next": where})
    assert response["Location"] == reverse("campaigns:today")


def test_an_unknown_name_gets_the_same_answer_as_a_wrong_password(client, cast):
    wrong, unknown = sign_in(client, password="wrong"), sign_in(client, username="nobody", password="wrong")
    assert wrong.status_code == unknown.status_code == 200
    errors = [response.context["form"].non_field_errors() for response in (wrong, unknown)]
    assert errors[0] == errors[1]


def test_a_closed_person_gets_the_same_answer_too(client, cast):
    cast.mei.is_active = False
    cast.mei.save()
    response = sign_in(client)
    assert response.status_code == 200
    assert "do not fit together" in response.content.decode()


@pytest.mark.parametrize("username", ["mei", "nobody"])
def test_after_five_failures_the_door_is_closed_and_says_for_how_long(client, cast, username):
    for _number in range(4):
        assert sign_in(client, username=username, password="wrong").status_code == 200
    fifth = sign_in(client, username=username, password="wrong")
    assert fifth.status_code == 429
    assert fifth["Retry-After"] == "900"
    assert "15 minutes" in fifth.content.decode()
    assert sign_in(client, username=username).status_code == 429, "the right password does not help now"


def test_the_door_opens_again_after_the_waiting_time(client, cast):
    with time_machine.travel(NOW, tick=False) as clock:
        for _number in range(5):
            sign_in(client, password="wrong")
        clock.shift(timedelta(minutes=14))
        assert client.post(URL, {"username": "ana", "password": PASSWORD}).status_code == 302, (
            "others are not locked out"
        )
        client.logout()
        clock.shift(timedelta(minutes=2))
        assert sign_in(client).status_code == 302


def test_signing_out_takes_a_post(client, cast):
    client.force_login(cast.mei)
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    assert client.get("/today/").status_code == 302


def test_the_language_of_a_person_comes_along_to_a_new_device(client, cast):
    client.force_login(cast.mei)
    client.post("/language/", {"language": "zh-hans", "next": "/today/"})
    cast.mei.refresh_from_db()
    assert cast.mei.language == "zh-hans"
    client.logout()
    client.cookies.clear()
    sign_in(client)
    assert client.cookies["language"].value == "zh-hans"
    assert "今天" in client.get("/today/").content.decode()


def test_the_language_in_which_somebody_signs_in_is_that_of_what_is_written_to_them(client, cast):
    assert cast.mei.reads_in == "en"
    client.post(URL, {"username": "mei", "password": PASSWORD}, headers={"accept-language": "zh-CN"})
    cast.mei.refresh_from_db()
    assert (cast.mei.language, cast.mei.reads_in) == ("", "zh-hans")
    cast.mei.language = "en"
    assert cast.mei.reads_in == "en"


def test_the_sign_in_page_speaks_both_languages(client, db):
    assert 'lang="en"' in client.get(URL, headers={"accept-language": "en"}).content.decode()
    client.post("/language/", {"language": "zh-hans", "next": URL})
    page = client.get(URL).content.decode()
    assert "登录" in page
    assert 'lang="zh-hans"' in page


def test_a_part_of_a_page_moves_the_whole_page_to_the_door(client, db):
    response = client.get("/search/?part=1&q=a", headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == URL
