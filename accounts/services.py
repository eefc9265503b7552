"""Every change of staff, branches and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import ApiToken, Branch, Role, User
from accounts.scopes import Scope, token_digest

TOKEN_PREFIX = "cops_"  # noqa: S105  makes a leaked token recognisable to scanners


def branch_create(*, by: User | None, code: str, name: str) -> Branch:
    """Makes a branch. Raises ValidationError by field."""
    branch = Branch(code=code, name=name)
    with transaction.atomic():
        branch.full_clean()
        branch.save()
        audit_record(by=by, action="branch.created", subject=branch, after={"code": code, "name": name})
    return branch


def branch_rename(*, by: User, branch: Branch, name: str) -> Branch:
    """Changes what people read; the code, which other systems know, stays. Raises ValidationError by field."""
    before, after = changed_fields(branch, {"name": name})
    if after:
        branch.name = name
        with transaction.atomic():
            branch.full_clean()
            branch.save(update_fields=["name"])
            audit_record(by=by, action="branch.renamed", subject=branch, before=before, after=after)
    return branch


def staff_create(
    *, by: User | None, username: str, password: str, role: str, branch: Branch | None = None, display_name: str = ""
) -> User:
    """Makes a person of the staff. Raises ValidationError by field, also for a weak password."""
    user = User(username=User.normalize_username(username), role=role, branch=branch, display_name=display_name)
    _check_password(password, user)
    user.set_password(password)
    with transaction.atomic():
        user.full_clean()
        user.save()
        audit_record(
            by=by, action="staff.created", subject=user, after={"role": role, "branch": branch, "name": display_name}
        )
    return user


def staff_update(*, by: User, user: User, changes: dict[str, Any]) -> User:
    """Changes role, branch, name or whether the person may sign in.

    Raises ValidationError when nobody could administer any more: the last active administrator keeps the role.
    """
    before, after = changed_fields(user, changes)
    if not after:
        return user
    with transaction.atomic():
        # Locked in one order: two administrators cannot take the role from each other at once.
        admins = set(
            User.objects.select_for_update()
            .filter(role=Role.ADMIN, is_active=True, branch__isnull=True)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        for name, value in after.items():
            setattr(user, name, value)
        stays = user.role == Role.ADMIN and user.is_active and user.branch_id is None
        if not stays and admins == {user.pk}:
            raise ValidationError(_("This is the last active administrator of headquarters. Name another one first."))
        user.full_clean()
        user.save(update_fields=list(after))
        audit_record(by=by, action="staff.updated", subject=user, before=before, after=after)
    return user


def password_change(*, by: User | None, user: User, password: str) -> None:
    """Sets a password, which signs out every device of the person. Raises ValidationError when it is weak."""
    _check_password(password, user)
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        audit_record(by=by, action="staff.password_changed", subject=user)


def password_generate() -> str:
    """A password that can be read out: 16 letters and digits, none easily mistaken, over 90 random bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    text = "".join(secrets.choice(letters) for _number in range(16))
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def preferences_update(
    *, user: User, language: str | None = None, theme: str | None = None, display_name: str | None = None
) -> None:
    """Keeps what a person chose for themselves; what is not given stays."""
    given = {"language": language, "theme": theme, "display_name": display_name}
    changes = {name: value for name, value in given.items() if value is not None and getattr(user, name) != value}
    for name, value in changes.items():
        setattr(user, name, value)
    if changes:
        user.full_clean(exclude={"password"})
        user.save(update_fields=list(changes))


def language_seen(*, user: User, language: str) -> None:
    """Notes in which language a person reads who has chosen none: that of their browser."""
    User.objects.filter(pk=user.pk).exclude(seen_language=language).update(seen_language=language)


def token_issue(*, by: User | None, user: User, scopes: Sequence[str], name: str = "") -> tuple[ApiToken, str]:
    """A new token of `user` and its text, which is shown this once and kept only as a digest.

    A scope may go beyond the role of the person, which can change at any time: every call is held to both.
    Raises ValidationError for a scope that does not exist.
    """
    wanted = list(dict.fromkeys(scopes))
    if not wanted:
        raise ValidationError({"scopes": _("Choose at least one scope.")})
    if unknown := [scope for scope in wanted if scope not in Scope.values]:
        raise ValidationError({"scopes": _("No such scope: %(scopes)s") % {"scopes": ", ".join(unknown)}})
    if not user.is_active:
        raise ValidationError({"user": _("This person is not active.")})
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(user=user, name=name, digest=token_digest(text), last_four=text[-4:], scopes=wanted)
    with transaction.atomic():
        token.full_clean()
        token.save()
        audit_record(
            by=by, action="token.issued", subject=token, after={"user": user.username, "scopes": wanted, "name": name}
        )
    return token, text


def token_revoke(*, by: User, token: ApiToken, now: datetime) -> bool:
    """Ends a token at once. False when it was ended before."""
    with transaction.atomic():
        changed = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)
        if changed:
            audit_record(by=by, action="token.revoked", subject=token, after={"user": token.user.username})
    return bool(changed)


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
