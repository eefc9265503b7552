from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, AuditEntry, Branch, Role, User
from accounts.services import staff_create, token_issue

PAGES = ["staff", "staff_new", "branches", "branch_new", "tokens", "token_new"]


@pytest.fixture
def branch_admin(cast):
    return staff_create(by=None, username="zhou", password="maple-river-2026", role=Role.ADMIN, branch=cast.hangzhou)


@pytest.mark.parametrize("name", PAGES)
def test_administrators_open_the_settings_and_nobody_else_does(client, cast, name):
    url = reverse(f"accounts:{name}")
    assert client.get(url).status_code == 302
    for person, status in ((cast.lin, 200), (cast.mei, 403), (cast.ana, 403)):
        client.force_login(person)
        assert client.get(url).status_code == status
        assert client.put(url).status_code == 405


def test_a_person_is_added_with_a_password_shown_once(client, cast):
    client.force_login(cast.lin)
    sent = {"username": "wang", "display_name": "王芳", "role": "operator", "branch": cast.chengdu.pk}
    response = client.post(reverse("accounts:staff_new"), sent)
    person = User.objects.get(username="wang")
    assert person.branch == cast.chengdu
    assert person.check_password(response.context["password"])
    assert "no-store" in response["Cache-Control"]
    entry = AuditEntry.objects.get(action="staff.created")
    assert entry.actor == cast.lin
    assert response.context["password"] not in str(entry.__dict__)


def test_a_name_that_is_taken_is_marked_and_what_was_typed_stays(client, cast):
    client.force_login(cast.lin)
    response = client.post(reverse("accounts:staff_new"), {"username": "mei", "role": "manager", "display_name": "M"})
    assert response.status_code == 422
    assert "username" in response.context["form"].errors
    assert 'value="M"' in response.content.decode()


def test_closing_a_person_ends_their_session(client, cast):
    visitor = type(client)()
    visitor.force_login(cast.mei)
    client.force_login(cast.lin)
    url = reverse("accounts:staff_edit", args=[cast.mei.pk])
    assert client.post(url, {"role": "operator", "branch": cast.hangzhou.pk}).status_code == 302
    assert visitor.get("/today/").status_code == 302


def test_the_last_administrator_of_headquarters_stays_one(client, cast):
    client.force_login(cast.lin)
    url = reverse("accounts:staff_edit", args=[cast.lin.pk])
    for sent in (
        {"role": "manager", "is_active": "on"},
        {"role": "admin"},
        {"role": "admin", "is_active": "on", "branch": cast.hangzhou.pk},
    ):
        assert client.post(url, sent).status_code == 422
    cast.lin.refresh_from_db()
    assert (cast.lin.role, cast.lin.is_active, cast.lin.branch) == (Role.ADMIN, True, None)


def test_a_new_password_signs_the_person_out(client, cast):
    visitor = type(client)()
    visitor.force_login(cast.mei)
    client.force_login(cast.lin)
    response = client.post(reverse("accounts:staff_password", args=[cast.mei.pk]))
    cast.mei.refresh_from_db()
    assert cast.mei.check_password(response.context["password"])
    assert visitor.get("/today/").status_code == 302


def test_an_administrator_of_a_branch_manages_that_branch_only(client, cast, branch_admin):
    client.force_login(branch_admin)
    listed = {person.username for person in client.get(reverse("accounts:staff")).context["listing"].rows}
    assert listed == {"mei", "zhou"}
    assert client.get(reverse("accounts:staff_edit", args=[cast.out.pk])).status_code == 404
    assert client.post(reverse("accounts:staff_password", args=[cast.lin.pk])).status_code == 404
    assert client.get(reverse("accounts:branch_edit", args=[cast.chengdu.pk])).status_code == 404
    assert client.get(reverse("accounts:branch_new")).status_code == 403
    sent = {"username": "sun", "role": "admin", "branch": cast.chengdu.pk}
    client.post(reverse("accounts:staff_new"), sent)
    assert User.objects.get(username="sun").branch == cast.hangzhou
    # Nobody climbs to headquarters by leaving the field away.
    client.post(
        reverse("accounts:staff_edit", args=[branch_admin.pk]), {"role": "admin", "is_active": "on", "branch": ""}
    )
    branch_admin.refresh_from_db()
    assert branch_admin.branch == cast.hangzhou


def test_branches_are_added_and_renamed_and_keep_their_code(client, cast):
    client.force_login(cast.lin)
    client.post(reverse("accounts:branch_new"), {"name": "苏州", "code": "suzhou"})
    branch = Branch.objects.get(code="suzhou")
    client.post(reverse("accounts:branch_edit", args=[branch.pk]), {"name": "苏州园区", "code": "other"})
    branch.refresh_from_db()
    assert (branch.name, branch.code) == ("苏州园区", "suzhou")
    assert client.post(reverse("accounts:branch_new"), {"name": "x", "code": "suzhou"}).status_code == 422


def test_a_token_is_shown_once_and_ends_when_revoked(client, cast):
    client.force_login(cast.lin)
    sent = {"user": cast.mei.pk, "name": "shop", "scopes": ["events:write", "groups:read"]}
    response = client.post(reverse("accounts:token_new"), sent)
    text = response.context["text"]
    assert text in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert text not in client.get(reverse("accounts:tokens")).content.decode()
    bearer = {"Authorization": f"Bearer {text}"}
    assert client.get("/api/v1/groups/", headers=bearer).status_code == 200
    token = ApiToken.objects.get()
    assert client.post(reverse("accounts:token_revoke", args=[token.pk])).status_code == 302
    assert client.get("/api/v1/groups/", headers=bearer).status_code == 401


def test_a_token_never_allows_more_than_the_role_of_its_owner(client, cast):
    _token, text = token_issue(by=None, user=cast.ana, scopes=["groups:read", "groups:write"])
    bearer = {"Authorization": f"Bearer {text}"}
    assert client.get("/api/v1/groups/", headers=bearer).status_code == 200
    assert client.post("/api/v1/groups/", {}, content_type="application/json", headers=bearer).status_code == 403


def test_lists_of_settings_ask_the_database_as_often_for_twenty_rows_as_for_two(
    client, cast, django_assert_max_num_queries
):
    client.force_login(cast.lin)
    counts: dict[str, list[int]] = {}
    for size in (2, 20):
        while User.objects.count() < 4 + size:
            number = User.objects.count()
            person = staff_create(by=None, username=f"p{number}", password="maple-river-2026", role="operator")
            token_issue(by=None, user=person, scopes=["groups:read"])
            Branch.objects.create(code=f"b{number}", name=f"Branch {number}")
        for name in ("staff", "branches", "tokens"):
            with django_assert_max_num_queries(10) as captured:
                client.get(reverse(f"accounts:{name}"))
            counts.setdefault(name, []).append(len(captured))
    assert all(len(set(found)) == 1 for found in counts.values()), counts


def test_revoking_twice_says_so(client, cast):
    token, _text = token_issue(by=None, user=cast.mei, scopes=["groups:read"])
    token.revoked_at = timezone.now()
    token.save()
    client.force_login(cast.lin)
    page = client.post(reverse("accounts:token_revoke", args=[token.pk]), follow=True).content.decode()
    assert "revoked before" in page
