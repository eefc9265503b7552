"""Variables in what people write: `{group}` stands for the name of the group."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

VARIABLE = re.compile(r"\{(\w+)\}")


def check_variables(text: str, known: Collection[str]) -> None:
    """Raises ValidationError when `text` has a variable that nobody would fill in."""
    unknown = sorted({f"{{{name}}}" for name in VARIABLE.findall(text) if name not in known})
    if unknown:
        raise ValidationError(
            _("%(unknown)s is not known here. Known are: %(known)s.")
            % {"unknown": ", ".join(unknown), "known": ", ".join(f"{{{name}}}" for name in known)},
            code="unknown_variable",
        )


def has_variables(*texts: str) -> bool:
    """Whether one of the texts has something to fill in."""
    return any(VARIABLE.search(text) for text in texts)


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its variables replaced. What a value holds is never read as a variable."""
    return VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)
