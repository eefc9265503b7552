"""The places of the console: what the menu shows, in its order, and the key that goes there after `g`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User

EVERYBODY = frozenset(Role)
WRITERS = frozenset({Role.ADMIN, Role.OPERATOR})
ADMINS = frozenset({Role.ADMIN})


@dataclass(frozen=True)
class Place:
    """A page that the menu leads to. `name` is its URL name; the apps above are known by name only."""

    name: str
    label: Promise
    icon: str
    key: str
    roles: frozenset[Role] = EVERYBODY


@dataclass(frozen=True)
class Section:
    label: Promise | None
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Link:
    """A place as a person sees it on a page."""

    label: Promise
    icon: str
    key: str
    url: str
    current: bool


MENU = (
    Section(
        None,
        (
            Place("campaigns:today", _("Today"), "home", "t"),
            Place("members:tasks", _("To do"), "checklist", "o"),
            Place("groups:list", _("Groups"), "messages", "g"),
            Place("members:list", _("Members"), "users", "m"),
            Place("members:segments", _("Segments"), "filter", "q"),
            Place("groups:rule_sets", _("Rules"), "shield-check", "w"),
            Place("members:violations", _("Violations"), "flag", "v"),
            Place("members:applications", _("Applications"), "user-question", "n"),
            Place("members:cleanup", _("Clean-up"), "user-minus", "c"),
            Place("members:seeds", _("Seed users"), "star", "e"),
        ),
    ),
    Section(
        _("Campaigns"),
        (
            Place("campaigns:posts", _("Posts"), "calendar-event", "p"),
            Place("campaigns:deliveries", _("Deliveries"), "send", "d"),
        ),
    ),
    Section(
        _("Reports"),
        (
            Place("analytics:activity", _("Activity"), "activity", "a"),
            Place("analytics:retention", _("Retention"), "repeat", "r"),
            Place("analytics:funnel", _("Funnel"), "filter", "f"),
            Place("analytics:health", _("Health"), "heart", "h"),
            Place("analytics:branches", _("Compare branches"), "chart-bar", "v"),
        ),
    ),
    Section(
        _("Data"),
        (Place("members:imports", _("Import"), "file-import", "i", WRITERS),),
    ),
    Section(
        _("Settings"),
        (
            Place("accounts:staff", _("Staff"), "user-cog", "s", ADMINS),
            Place("accounts:branches", _("Branches"), "building-store", "b", ADMINS),
            Place("members:roles", _("Roles"), "user-check", "l", ADMINS),
            Place("groups:presets", _("Presets"), "adjustments", "y", ADMINS),
            Place("members:classes", _("Classes"), "sitemap", "c", ADMINS),
            Place("analytics:health_policy", _("Health of groups"), "heart", "x", ADMINS),
            Place("members:fields", _("Member fields"), "list", "j", ADMINS),
            Place("members:retention", _("Data retention"), "shield-lock", "z", ADMINS),
            Place("accounts:tokens", _("API tokens"), "key", "k", ADMINS),
            Place("accounts:audit", _("Audit"), "history", "u", ADMINS),
        ),
    ),
)


def menu_for(user: User, path: str) -> list[tuple[Promise | None, Sequence[Link]]]:
    """The menu of `user` on the page at `path`: only what they may open; the longest matching place is current."""
    urls: dict[str, str] = {}
    for section in MENU:
        for place in section.places:
            if user.role in place.roles:
                try:
                    urls[place.name] = reverse(place.name)
                except NoReverseMatch:
                    continue
    current = max((url for url in urls.values() if path.startswith(url)), key=len, default="")
    menu: list[tuple[Promise | None, Sequence[Link]]] = []
    for section in MENU:
        links = [
            Link(place.label, place.icon, place.key, urls[place.name], urls[place.name] == current)
            for place in section.places
            if place.name in urls
        ]
        if links:
            menu.append((section.label, links))
    return menu
