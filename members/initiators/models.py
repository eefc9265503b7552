"""What a group offers its initiators."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class InitiatorProgramme(models.Model):
    """The offer of a group to those who attract the next members.

    A member of the group who fulfils all conditions is proposed. They are counted in this group over the last
    `window_days`; nothing set is no condition. `version` grows with each change, so that forms notice others'.
    """

    group = models.OneToOneField("groups.Group", on_delete=models.CASCADE, related_name="initiator_programme")
    offer = models.TextField(_("what initiators get"), max_length=1000, blank=True)
    asks = models.TextField(_("what is asked of them"), max_length=1000, blank=True)
    window_days = models.PositiveSmallIntegerField(_("days looked at"), default=60)
    min_invited = models.PositiveSmallIntegerField(_("members invited"), default=0)
    min_active_days = models.PositiveSmallIntegerField(_("active days"), default=0)
    min_messages = models.PositiveSmallIntegerField(_("messages"), default=0)
    min_answers = models.PositiveSmallIntegerField(_("answers given"), default=0)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(window_days__gte=1, window_days__lte=366), name="members_initiatorprogramme_window"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group_id}"

    @property
    def conditions(self) -> dict[str, int]:
        """The least that is asked, by measure; only those that are set."""
        names = ("invited", "active_days", "messages", "answers")
        return {name: least for name in names if (least := getattr(self, f"min_{name}"))}


class KitSort(models.TextChoices):
    TEXT = "text", pgettext_lazy("material", "Text")
    LINK = "link", pgettext_lazy("material", "Link")
    PICTURE = "picture", pgettext_lazy("material", "Picture")


class KitItem(models.Model):
    """A piece of material for initiators: words to pass on, a link, or a picture by its address."""

    programme = models.ForeignKey(InitiatorProgramme, on_delete=models.CASCADE, related_name="kit")
    sort = models.CharField(_("kind"), max_length=8, choices=KitSort, default=KitSort.TEXT)
    title = models.CharField(_("title"), max_length=80)
    text = models.TextField(_("text"), max_length=2000, blank=True)
    url = models.URLField(_("address"), max_length=500, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(sort__in=KitSort.values), name="members_kititem_sort_known"),
            models.CheckConstraint(
                condition=(Q(sort="text") & ~Q(text="")) | (~Q(sort="text") & ~Q(url="")),
                name="members_kititem_has_content",
            ),
        ]

    def __str__(self) -> str:
        return self.title
