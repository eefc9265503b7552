"""Small pieces of the report pages. `{% load reports %}`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from django import forms, template
from django.forms import BoundField, Form
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.funnel_form import FunnelForm
from analytics.pages.parts import Cell
from analytics.pages.ready_funnels import ready_links

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86_400


@register.filter
def duration(seconds: float | None) -> str:
    """A span of time in its two largest units: "3 d 4 h". Nothing is a dash."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < MINUTE:
        return _("%(seconds)d s") % {"seconds": whole}
    if whole < HOUR:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": whole // MINUTE, "seconds": whole % MINUTE}
    minutes = round(seconds / MINUTE)
    if minutes < DAY // MINUTE:
        return _("%(hours)d h %(minutes)d min") % {"hours": minutes // 60, "minutes": minutes % 60}
    hours = round(seconds / HOUR)
    return _("%(days)d d %(hours)d h") % {"days": hours // 24, "hours": hours % 24}


@register.simple_tag
def ready_funnels(form: FunnelForm) -> list[dict[str, Any]]:
    return ready_links(form)


@register.filter
def words(text: str) -> list[str]:
    return text.split()


@register.filter(name="field")
def field_of(form: Form, name: str) -> BoundField | None:
    """A field by name: `from` cannot be reached with a dot in every place."""
    return form[name] if name in form.fields else None


@register.filter
def day_of(form: Form, name: str) -> str:
    """A date as a date input takes it: what was understood, else what was typed."""
    day = form.cleaned_data.get(name) if hasattr(form, "cleaned_data") else None
    return day.isoformat() if day else str(form.data.get(name, ""))


@register.filter
def control(field: BoundField) -> SafeString:
    """The widget of a field in the console's look."""
    css = "form-select" if isinstance(field.field.widget, forms.Select) else "form-control"
    attributes: dict[str, str | bool] = {"class": css}
    if field.errors:
        attributes |= {"aria-invalid": "true", "class": f"{css} is-invalid"}
    return field.as_widget(attrs=attributes)


@register.filter
def signed(value: float) -> str:
    """+12, −3: a change, in the same digits in every language."""
    return f"{value:+,}".replace("-", "−") if value else "0"


@register.filter
def rows_of_cells(rows: Iterable[Sequence[Cell]]) -> SafeString:
    """The rows of a table of a report. A page has more than a thousand cells: as lines of a template they took most of
    its time."""
    return SafeString("".join(f"<tr>{_head_cell(head)}{''.join(map(_cell, rest))}</tr>" for head, *rest in rows))


def _head_cell(cell: Cell) -> str:
    return f'<th scope="row"{_attributes(cell.css, "", is_name=cell.name)}>{escape(cell.text)}</th>'


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.url:
        text = f'<a href="{escape(cell.url)}">{text}</a>'
    return f"<td{_attributes(cell.css, cell.title, is_name=cell.name)}>{text}</td>"


def _attributes(css: str, title: str, *, is_name: bool) -> str:
    found = f' class="{escape(css)}"' if css else ""
    if title:
        found += f' title="{escape(title)}"'
    return f'{found} translate="no"' if is_name else found
