"""The places of the console: what the menu shows, in its order, and the key that goes there after `g`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

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
class Setting:
    """A page of settings, which only administrators open, with `for_all` only those of headquarters: what it decides
    holds for every branch. `hint` says what it is for."""

    name: str
    label: Promise
    icon: str
    hint: Promise
    for_all: bool = False


P = TypeVar("P", Place, Setting)


@dataclass(frozen=True)
class Section(Generic[P]):
    label: Promise | None
    places: tuple[P, ...]


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
        ),
    ),
    Section(
        _("Groups"),
        (
            Place("groups:list", _("Groups"), "messages", "g"),
            Place("groups:rule_sets", _("Rules"), "shield-check", "w"),
            Place("members:violations", _("Violations"), "flag", "v"),
        ),
    ),
    Section(
        _("Members"),
        (
            Place("members:list", _("Members"), "users", "m"),
            Place("members:segments", _("Segments"), "filter", "q"),
            Place("members:questions", _("Questions"), "help-circle", "x"),
            Place("members:applications", _("Applications"), "user-question", "n"),
            Place("members:needs", _("Feedback"), "inbox", "F"),
            Place("members:seeds", _("Seed users"), "star", "e"),
            Place("members:cleanup", _("Clean-up"), "user-minus", "c"),
        ),
    ),
    Section(
        _("Campaigns"),
        (
            Place("campaigns:calendar", _("Calendar"), "calendar", "k"),
            Place("campaigns:posts", _("Posts"), "calendar-event", "p"),
            Place("campaigns:pieces", _("Content"), "file-text", "l"),
            Place("campaigns:rituals", _("Rituals"), "confetti", "u"),
            Place("campaigns:proposals", pgettext_lazy("from members", "Proposals"), "speakerphone", "P"),
            Place("campaigns:playbooks", _("Playbooks"), "list-check", "y"),
            Place("campaigns:stories", _("Benchmarks"), "star", "z"),
            Place("campaigns:deliveries", _("Deliveries"), "send", "d"),
        ),
    ),
    Section(
        _("Reports"),
        (
            Place("analytics:overview", _("Overview"), "dashboard", "O"),
            Place("analytics:dashboard", _("My dashboard"), "layout-dashboard", "D"),
            Place("analytics:activity", _("Activity"), "activity", "a"),
            Place("analytics:lifecycle", _("Lifecycle"), "stack-2", "L"),
            Place("analytics:stickiness", _("Stickiness"), "flame", "K"),
            Place("analytics:retention", _("Retention"), "repeat", "r"),
            Place("analytics:funnel", _("Funnel"), "filter", "f"),
            Place("analytics:best_hour", _("Best hour"), "clock", "B"),
            Place("analytics:channels", _("Channels"), "sitemap", "C"),
            Place("analytics:carriers", _("Carriers"), "users-group", "W"),
            Place("analytics:ranking", _("Rising and falling groups"), "trending-up", "R"),
            Place("analytics:health", _("Health"), "heart", "h"),
            Place("analytics:branches", _("Compare branches"), "chart-bar", "b"),
            Place("analytics:saved", _("Saved reports"), "device-floppy", "S"),
        ),
    ),
    Section(
        _("Data"),
        (
            Place("members:imports", _("Import"), "file-import", "i", WRITERS),
            Place("accounts:settings", _("Settings"), "settings", "s", ADMINS),
        ),
    ),
)

# What administrators decide: reached by the page of settings, each with a sentence that says what it is for.
SETTINGS = (
    Section(
        _("People and access"),
        (
            Setting("accounts:staff", _("Staff"), "user-cog", _("Who signs in, with which role, for which branch")),
            Setting("accounts:branches", _("Branches"), "building-store", _("The communities that own groups")),
            Setting("members:roles", _("Roles"), "user-check", _("What each role in a group may do, and its duties")),
            Setting("accounts:tokens", _("API tokens"), "key", _("Keys of other systems that feed or read this one")),
            Setting("accounts:audit", _("Audit"), "history", _("Who changed what, when and from where")),
        ),
    ),
    Section(
        _("Groups"),
        (
            Setting(
                "groups:presets", _("Presets"), "adjustments", _("What a group starts with, by its motivation"), True
            ),
            Setting("analytics:health_policy", _("Health of groups"), "heart", _("When a group counts as declining")),
            Setting(
                "members:conduct_settings", _("Conduct"), "shield-check", _("How messages are judged and kept"), True
            ),
        ),
    ),
    Section(
        _("Campaigns"),
        (
            Setting(
                "campaigns:sending",
                _("Limits and days off"),
                "send",
                _("Quiet hours, daily limit, days off and occasions"),
                True,
            ),
            Setting(
                "campaigns:envelope_budgets",
                _("Budgets of red envelopes"),
                "gift",
                _("How many points may be given away in a month"),
            ),
        ),
    ),
    Section(
        _("Members"),
        (
            Setting("members:classes", _("Classes"), "sitemap", _("Tiers, school grades and the yearly move up"), True),
            Setting(
                "members:fields", _("Member fields"), "list", _("What is known of a member besides their name"), True
            ),
            Setting(
                "members:consent", _("Consent"), "clipboard-check", _("What members agree to before taking part"), True
            ),
            Setting(
                "members:points",
                pgettext_lazy("ledger", "Points"),
                "coin",
                _("Where all points are, and whether the books are right"),
                True,
            ),
            Setting(
                "members:points_by_hand",
                _("Points by hand"),
                "coin",
                _("How many points one person may give or take"),
                True,
            ),
            Setting(
                "members:participation", _("Points for taking part"), "gift", _("What members get for joining in"), True
            ),
            Setting("members:need_categories", _("Feedback"), "inbox", _("What needs of members are sorted by"), True),
            Setting("members:retention", _("Data retention"), "shield-lock", _("How long which data is kept"), True),
        ),
    ),
)


def settings_for(user: User) -> list[tuple[Promise | None, list[tuple[Setting, str]]]]:
    """The settings by section, each with its address."""
    found = []
    for section in SETTINGS:
        open_to = [place for place in section.places if user.is_headquarters or not place.for_all]
        pages = [(place, url) for place in open_to if (url := _address(place.name))]
        if user.is_admin and pages:
            found.append((section.label, pages))
    return found


def settings_above(path: str) -> str:
    """The address of the page of settings, where the page at `path` is one of those it leads to."""
    url = reverse("accounts:settings")
    return url if path.startswith(url) and path != url else ""


def menu_for(user: User, path: str) -> list[tuple[Promise | None, Sequence[Link]]]:
    """The menu of `user` on the page at `path`: only what they may open; the longest matching place is current."""
    urls: dict[str, str] = {}
    for section in MENU:
        for place in section.places:
            if user.role in place.roles and (url := _address(place.name)):
                urls[place.name] = url
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


def places_matching(user: User, text: str) -> list[Link]:
    """Pages of the menu and of the settings whose name contains `text`."""
    wanted = text.casefold()
    places = [link for _label, links in menu_for(user, "") for link in links]
    places += [
        Link(place.label, place.icon, "", url, False) for _label, pages in settings_for(user) for place, url in pages
    ]
    return [link for link in places if wanted in str(link.label).casefold()]


def _address(name: str) -> str:
    """Where the page is, or nothing when its app is not there."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
