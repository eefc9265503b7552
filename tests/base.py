"""The standing cast of the tests.

Lin is an administrator, Mei an operator of the Hangzhou branch, Ana a manager at headquarters who reads, Out an
operator of another branch who must not see what is Mei's.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from accounts.models import Branch, Role, User


@dataclass
class Cast:
    lin: User
    mei: User
    ana: User
    out: User
    hangzhou: Branch
    chengdu: Branch


def make_cast() -> Cast:
    hangzhou = Branch.objects.create(code="hangzhou", name="杭州")
    chengdu = Branch.objects.create(code="chengdu", name="成都")

    def staff(username: str, role: Role, branch: Branch | None = None) -> User:
        return User.objects.create_user(username, password="river-lantern-42", role=role, branch=branch)

    return Cast(
        lin=staff("lin", Role.ADMIN),
        mei=staff("mei", Role.OPERATOR, hangzhou),
        ana=staff("ana", Role.MANAGER),
        out=staff("out", Role.OPERATOR, chengdu),
        hangzhou=hangzhou,
        chengdu=chengdu,
    )


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()
