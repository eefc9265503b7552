"""Where messages go: made, changed, switched on and off."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from community_ops.lib import signing
from community_ops.lib.crypto import encrypt
from delivery.models import Delivery, Destination, Kind
from delivery.services.planning import NOT_BEGUN


def destination_create(*, kind: str, url: str = "", secret: str = "") -> Destination:
    """Makes a destination. A webhook without a secret gets a fresh one.

    Raises ValidationError by field: an unknown kind, an address that is not http or https, a secret that is not
    `whsec_` and base64.
    """
    _check(kind, url, secret)
    if kind == Kind.WEBHOOK:
        destination = Destination(kind=kind, url=url.strip(), secret_encrypted=encrypt(secret or signing.new_secret()))
    else:
        destination = Destination(kind=kind)
    destination.save()
    return destination


def destination_update(*, destination: Destination, kind: str, url: str = "", secret: str = "") -> Destination:
    """Changes a destination and switches it on again. An empty secret keeps the one there is.

    What is planned for it goes the new way. Raises ValidationError as destination_create does.
    """
    _check(kind, url, secret)
    with transaction.atomic():
        destination.kind = kind
        destination.url = url.strip() if kind == Kind.WEBHOOK else ""
        if kind != Kind.WEBHOOK:
            destination.secret_encrypted = ""
        elif secret or not destination.secret_hint:
            destination.secret_encrypted = encrypt(secret or signing.new_secret())
        destination.disabled_at, destination.disabled_code = None, ""
        destination.save()
        Delivery.objects.filter(NOT_BEGUN, destination=destination).update(kind=kind)
    return destination


def destination_enable(*, destination: Destination) -> None:
    """Switches a destination on again that its receiver had switched off."""
    Destination.objects.filter(pk=destination.pk).update(disabled_at=None, disabled_code="")
    destination.disabled_at, destination.disabled_code = None, ""


def destination_disable(*, destination: Destination, code: str, now: datetime) -> None:
    """Switches a destination off: deliveries to it fail at once until a person switches it on again.

    `code` says why, see delivery/reasons.py.
    """
    Destination.objects.filter(pk=destination.pk, disabled_at=None).update(disabled_at=now, disabled_code=code)


def _check(kind: str, url: str, secret: str) -> None:
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
    if errors:
        raise ValidationError(errors)
