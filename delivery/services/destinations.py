"""Where messages go: made, changed, switched on and off."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from community_ops.lib import signing
from community_ops.lib.crypto import encrypt
from delivery import signals
from delivery.models import Delivery, Destination, Kind
from delivery.services.planning import NOT_BEGUN

# What the key of a robot may look like; WeCom's are UUIDs.
KEY = re.compile(r"[\w-]{1,200}", re.ASCII)


def destination_create(*, kind: str, url: str = "", secret: str = "") -> Destination:
    """Makes a destination. A webhook without a secret gets a fresh one; a robot's key is its secret, or stands in its
    address.

    Raises ValidationError by field: an unknown kind, an address that is not http or https, a secret that is not
    `whsec_` and base64, a robot without a key.
    """
    _check(kind, url, secret)
    destination = Destination(kind=kind)
    _set(destination, url, secret)
    destination.save()
    return destination


def destination_update(*, destination: Destination, kind: str, url: str = "", secret: str = "") -> Destination:
    """Changes a destination and switches it on again. An empty secret keeps the one there is.

    What is planned for it goes the new way. Raises ValidationError as destination_create does.
    """
    keeps_key = destination.kind == kind and bool(destination.secret_hint)
    _check(kind, url, secret, keeps_key=keeps_key)
    with transaction.atomic():
        if destination.kind != kind:
            destination.secret_encrypted = ""
        destination.kind = kind
        _set(destination, url, secret)
        destination.disabled_at, destination.disabled_code = None, ""
        destination.save()
        Delivery.objects.filter(NOT_BEGUN, destination=destination).update(kind=kind)
        signals.switched_on.send(sender=Destination, ids=[destination.pk])
    return destination


def destination_enable(*, destination: Destination) -> None:
    """Switches a destination on again that its receiver had switched off."""
    with transaction.atomic():
        Destination.objects.filter(pk=destination.pk).update(disabled_at=None, disabled_code="")
        signals.switched_on.send(sender=Destination, ids=[destination.pk])
    destination.disabled_at, destination.disabled_code = None, ""


def destination_disable(*, destination: Destination, code: str, now: datetime) -> None:
    """Switches a destination off, and with it those that share its robot: deliveries to them fail at once until a
    person switches them on again.

    `code` says why, see delivery/reasons.py.
    """
    same = Q(pk=destination.pk)
    if destination.key_hash:
        same |= Q(key_hash=destination.key_hash)
    with transaction.atomic():
        ids = list(Destination.objects.select_for_update().filter(same, disabled_at=None).values_list("pk", flat=True))
        Destination.objects.filter(pk__in=ids).update(disabled_at=now, disabled_code=code)
        if ids:
            signals.switched_off.send(sender=Destination, ids=ids, code=code, now=now)


def _set(destination: Destination, url: str, secret: str) -> None:
    """Takes over what _check found good."""
    destination.url = url.strip() if destination.kind == Kind.WEBHOOK else ""
    if destination.kind == Kind.WEBHOOK:
        if secret or not destination.secret_hint:
            destination.secret_encrypted = encrypt(secret or signing.new_secret())
    elif destination.kind == Kind.ROBOT:
        if key := robot_key(secret) or robot_key(url):
            destination.secret_encrypted = encrypt(key)
            destination.key_hash = hashlib.sha256(b"robot:" + key.encode()).hexdigest()
        return
    else:
        destination.secret_encrypted = ""
    destination.key_hash = ""


def robot_key(given: str) -> str:
    """The key of a robot, from its whole address as WeCom shows it, or given by itself. Empty when there is none, or
    the address is not one of WeCom's."""
    given = given.strip()
    if "/" in given or "?" in given:
        try:
            parts = urlsplit(given)
            ours = parts.hostname in {urlsplit(settings.WECOM_API_BASE).hostname, "qyapi.weixin.qq.com"}
        except ValueError:
            return ""
        given = parse_qs(parts.query).get("key", [""])[0] if ours and parts.path.endswith("/webhook/send") else ""
    return given if KEY.fullmatch(given) else ""


def _check(kind: str, url: str, secret: str, *, keeps_key: bool = False) -> None:
    errors: dict[str, ValidationError] = {}
    if kind not in Kind.values:
        errors["kind"] = ValidationError(
            _("This channel is not offered. Choose one of: %(kinds)s.") % {"kinds": ", ".join(Kind.values)},
            code="invalid_choice",
        )
    if kind == Kind.WEBHOOK:
        try:
            parts = urlsplit(url.strip())
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not url.strip():
            errors["url"] = ValidationError(_("A webhook needs an address."), code="required")
        elif not usable or len(url.strip()) > 500 or any(character.isspace() for character in url.strip()):
            errors["url"] = ValidationError(
                _("Enter an address that begins with https:// or http://, of at most 500 characters."), code="invalid"
            )
        elif parts.username or parts.password:
            errors["url"] = ValidationError(
                _("Leave user name and password out of the address: messages are signed instead."), code="invalid"
            )
        if secret:
            try:
                signing.secret_bytes(secret)
            except ValueError:
                errors["secret"] = ValidationError(
                    _("A signing secret is whsec_ followed by base64. Leave it empty to have one made."), code="invalid"
                )
    if kind == Kind.ROBOT:
        given = secret.strip() or url.strip()
        if given and not robot_key(given):
            errors["secret"] = ValidationError(
                _(
                    "Paste the address of the robot as WeCom shows it: https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"
                ),
                code="invalid",
            )
        elif not given and not keeps_key:
            errors["secret"] = ValidationError(_("A robot needs its address, or its key."), code="required")
    if errors:
        raise ValidationError(errors)
