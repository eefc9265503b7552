"""Presets as administrators changed them, and what groups took over from them."""

from __future__ import annotations

from django.db import models

from accounts.models import User


class PresetEdit(models.Model):
    """The text of a preset in place of the shipped one. `version` grows with each save, so that two editors notice."""

    motivation = models.CharField(max_length=10, unique=True)
    text = models.TextField()
    version = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.motivation


class GroupPlan(models.Model):
    """What a group took over from the preset of its motivation when it was opened.

    `mix` is percent by value of content (see groups.presets.reading.VALUES); `days` the plan of its first days, as in
    the preset; `starts_on` the local day that counts as day 1. A later change of the preset leaves it alone.
    """

    group = models.OneToOneField("groups.Group", on_delete=models.CASCADE, related_name="plan")
    motivation = models.CharField(max_length=10)
    mix = models.JSONField()
    days = models.JSONField()
    noise_ceiling = models.PositiveIntegerField()
    starts_on = models.DateField()

    def __str__(self) -> str:
        return f"{self.motivation} of {self.group_id}"
