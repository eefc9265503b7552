from __future__ import annotations

import io
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import ApiToken, Branch, User
from accounts.scopes import token_digest
from tests.plugins.environment import BASE_DIR

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


def test_createstaff_makes_person_branch_and_password():
    said = run("createstaff", "wang", "--role", "operator", "--branch", "suzhou")
    person = User.objects.get(username="wang")
    assert (person.role, person.branch) == ("operator", Branch.objects.get(code="suzhou"))
    assert person.check_password(said.split()[-1])


def test_createstaff_uses_a_branch_that_exists():
    branch = Branch.objects.create(code="suzhou", name="苏州")
    run("createstaff", "wang", "--role", "manager", "--branch", "suzhou")
    assert User.objects.get().branch == branch


def test_createstaff_reads_the_password_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("maple-river-2026\nsecond line\n"))
    said = run("createstaff", "wang", "--role", "admin", "--password-stdin")
    assert User.objects.get().check_password("maple-river-2026")
    assert "maple" not in said


@pytest.mark.parametrize("given", ["", "\n", "short\n", "12345678901\n"])
def test_a_refused_password_leaves_nothing_behind(monkeypatch, given):
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    with pytest.raises(CommandError):
        run("createstaff", "wang", "--role", "admin", "--branch", "suzhou", "--password-stdin")
    assert not User.objects.exists()
    assert not Branch.objects.exists()


def test_a_name_is_given_once(cast):
    with pytest.raises(CommandError, match="username"):
        run("createstaff", "mei", "--role", "operator")


def test_issue_token_prints_the_token_and_keeps_only_its_digest(cast):
    text = run("issue_token", "mei", "--scope", "events:write", "--scope", "reports:read")
    token = ApiToken.objects.get()
    assert token.digest == token_digest(text)
    assert (token.user, token.scopes) == (cast.mei, ["events:write", "reports:read"])
    assert text not in str(token.__dict__)


@pytest.mark.parametrize(("username", "scope"), [("nobody", "reports:read"), ("mei", "everything")])
def test_issue_token_refuses_unknown_people_and_scopes(cast, username, scope):
    with pytest.raises(CommandError):
        run("issue_token", username, "--scope", scope)
    assert not ApiToken.objects.exists()


@pytest.mark.once
@pytest.mark.parametrize(
    "arguments",
    [
        ["createstaff"],
        ["createstaff", "wang", "--role", "boss"],
        ["issue_token", "wang"],
        ["createstaff", "wang", "--role", "admin", "--unknown"],
    ],
)
def test_a_bad_argument_is_one_line_and_exit_code_1(arguments):
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert not done.stdout
