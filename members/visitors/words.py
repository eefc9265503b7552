"""What the entries about links and devices mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import actions, labels


def register() -> None:
    actions(
        {
            "member.link_made": _("Personal link made"),
            "member.link_ended": _("Personal link ended"),
            "member.signed_out": _("Devices of a member signed out"),
            "member.identity_attached": _("WeChat of a member known from now on"),
            "member.identity_differs": _("WeChat says somebody else than the link or unionid"),
        }
    )
    labels({"until": _("valid until"), "devices": _("devices")})
