"""Tiers and school grades."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Tier(models.TextChoices):
    """The class of a member by what they bought."""

    NON_PAYING = "non_paying", pgettext_lazy("tier", "Non-paying")
    FIRST_TIME = "first_time", pgettext_lazy("tier", "First-time paying")
    SENIOR = "senior", pgettext_lazy("tier", "Senior paying")
    HARDCORE = "hardcore", pgettext_lazy("tier", "Hardcore")


class Grade(models.Model):
    """A school grade. `position` is the order in which one moves up; the last grade leaves school."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    position = models.PositiveSmallIntegerField(_("position"), unique=True)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name
