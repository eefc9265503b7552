"""Fields of members that administrators define."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.fields.querysets import FieldDefinitionQuerySet


class FieldKind(models.TextChoices):
    TEXT = "text", pgettext_lazy("kind of field", "Text")
    NUMBER = "number", pgettext_lazy("kind of field", "Number")
    DATE = "date", pgettext_lazy("kind of field", "Date")
    CHOICE = "choice", pgettext_lazy("kind of field", "Choice")
    YES_NO = "yes_no", pgettext_lazy("kind of field", "Yes or no")


class FieldDefinition(models.Model):
    """A field of members. Values are kept in Member.fields under `key`, which never changes, as JSON holds them: text,
    number, "2026-03-01", one of `choices`, true or false. An archived field keeps its values and is not shown."""

    key = models.SlugField(_("key"), max_length=40, unique=True)
    label = models.CharField(pgettext_lazy("field", "name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=8, choices=FieldKind, default=FieldKind.TEXT)
    choices = models.JSONField(_("choices"), default=list, blank=True)
    required = models.BooleanField(_("required"), default=False)
    in_list = models.BooleanField(_("shown in the list"), default=False)
    headquarters_only = models.BooleanField(_("headquarters only"), default=False)
    member_edits = models.BooleanField(_("corrected by members"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = FieldDefinitionQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=FieldKind.values), name="members_fielddefinition_kind_known"),
        ]

    def __str__(self) -> str:
        return self.label
