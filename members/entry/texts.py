"""The texts of the way in: which variables they know, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from community_ops.lib.languages import language_of

# So many names are said; the others are counted.
NAMES_SAID = 20

WELCOME_VARIABLES: dict[str, Promise] = {
    "name": gettext_lazy("who joined, by name"),
    "group": gettext_lazy("the name of the group"),
    "purpose": gettext_lazy("what the group is for"),
    "promise": gettext_lazy("what members get for staying"),
    "slogan": gettext_lazy("the slogan of the group"),
    "rules_link": gettext_lazy("the address of the rules"),
    "inviter": gettext_lazy("who invited them"),
}


def names_said(names: Collection[str], text: str) -> str:
    """The names as the text would say them: in the manner of Chinese where it is written in it."""
    said = list(names)[:NAMES_SAID]
    more = len(names) - len(said)
    language = language_of(text)
    joined = ("、" if language == "zh-hans" else ", ").join(said)
    with translation.override(language):
        return _("%(names)s and %(number)d more") % {"names": joined, "number": more} if more else joined
