from __future__ import annotations

import pytest
from django.urls import reverse

URL = "/profile/"


def test_everybody_keeps_their_own_profile(client, cast):
    client.force_login(cast.ana)
    sent = {"form": "details", "display_name": "Ana Lima", "language": "zh-hans", "theme": "dark"}
    assert client.post(URL, sent).status_code == 302
    cast.ana.refresh_from_db()
    assert (cast.ana.display_name, cast.ana.language, cast.ana.theme) == ("Ana Lima", "zh-hans", "dark")
    assert 'data-wanted-theme="dark"' in client.get(URL).content.decode()


def test_the_theme_is_kept_and_an_unknown_one_is_not(client, cast):
    client.force_login(cast.ana)
    client.post("/theme/", {"theme": "dark"})
    client.post("/theme/", {"theme": "pink"})
    cast.ana.refresh_from_db()
    assert cast.ana.theme == "dark"


def change_password(client, new, old="river-lantern-42"):
    return client.post(URL, {"form": "password", "old_password": old, "new_password1": new, "new_password2": new})


def test_a_new_password_keeps_this_device_and_signs_out_the_others(client, cast, django_user_model):
    other = type(client)()
    other.force_login(cast.mei)
    client.force_login(cast.mei)
    assert change_password(client, "quiet-harbour-77").status_code == 302
    assert client.get("/today/").status_code == 200
    assert other.get("/today/").status_code == 302


@pytest.mark.parametrize(("new", "old"), [("short-1", "river-lantern-42"), ("quiet-harbour-77", "wrong")])
def test_a_weak_password_or_a_wrong_old_one_changes_nothing(client, cast, new, old):
    client.force_login(cast.mei)
    assert change_password(client, new, old).status_code == 422
    cast.mei.refresh_from_db()
    assert cast.mei.check_password("river-lantern-42")


def test_strangers_have_no_profile(client, db):
    assert client.get(URL).status_code == 302


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example/", "members:list", "1"])
def test_a_form_returns_to_addresses_of_this_site_only(client, cast, wanted):
    client.force_login(cast.mei)
    assert client.post(reverse("accounts:theme"), {"theme": "dark", "next": wanted}).url == reverse("campaigns:today")
    answer = client.post(reverse("accounts:theme"), {"theme": "dark", "next": "/groups/?q=a"})
    assert answer.url == "/groups/?q=a"
