"""The content library: pieces that can be sent again, and series that draw the next one from them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from campaigns.content.querysets import ContentTagQuerySet, PieceQuerySet, SeriesQuerySet
from delivery.models import Picture, Value


class PieceKind(models.TextChoices):
    ARTICLE = "article", pgettext_lazy("kind of content", "Text")
    QUESTION = "question", pgettext_lazy("content", "Question")


class Level(models.TextChoices):
    """How much a question asks of members. Each day wants one of either."""

    EASY = "easy", pgettext_lazy("level of a question", "Easy")
    DEEP = "deep", pgettext_lazy("level of a question", "High quality")


class PieceState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("content", "Draft")
    READY = "ready", pgettext_lazy("content", "Ready")
    RETIRED = "retired", pgettext_lazy("content", "Retired")


class ContentTag(models.Model):
    """A word by which staff find pieces again. With a branch it is that branch's own."""

    name = models.CharField(_("name"), max_length=40)
    branch = models.ForeignKey(Branch, null=True, blank=True, on_delete=models.CASCADE, related_name="content_tags")

    objects = ContentTagQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "name"], name="campaigns_contenttag_name"),
            # Empty branches do not count as equal, so the shared names need a constraint of their own.
            models.UniqueConstraint(fields=["name"], condition=Q(branch=None), name="campaigns_contenttag_name_shared"),
        ]

    def __str__(self) -> str:
        return self.name


class Piece(models.Model):
    """Something to say that can be said again: a text with a picture and a link, or a question.

    With a branch it is that branch's own, without one all share it. Only a ready piece is drawn or chosen; a retired
    one stays for the record. `version` grows with each change, so that two editors notice. `import_key` knows the row
    of a file it came from, so that the same file imported again adds nothing.
    """

    kind = models.CharField(_("kind"), max_length=10, choices=PieceKind, default=PieceKind.ARTICLE)
    title = models.CharField(_("title"), max_length=200)
    text = models.TextField(_("text"), max_length=5000)
    link = models.CharField(_("link"), max_length=500, blank=True)
    link_title = models.CharField(_("words of the link"), max_length=100, blank=True)
    picture = models.ForeignKey(
        Picture, verbose_name=_("picture"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    value = models.CharField(pgettext_lazy("content", "value"), max_length=12, choices=Value)
    level = models.CharField(_("level"), max_length=6, choices=Level, blank=True)
    tags = models.ManyToManyField(ContentTag, verbose_name=_("tags"), blank=True, related_name="pieces")
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="pieces"
    )
    state = models.CharField(_("state"), max_length=8, choices=PieceState, default=PieceState.READY)
    version = models.PositiveIntegerField(default=1)
    import_key = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="pieces")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = PieceQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=PieceKind.values), name="campaigns_piece_kind_known"),
            models.CheckConstraint(condition=Q(value__in=Value.values), name="campaigns_piece_value_known"),
            models.CheckConstraint(condition=Q(state__in=PieceState.values), name="campaigns_piece_state_known"),
            models.CheckConstraint(
                condition=Q(kind="question", level__in=Level.values) | Q(kind="article", level=""),
                name="campaigns_piece_questions_have_levels",
            ),
            models.UniqueConstraint(
                fields=["import_key"], condition=~Q(import_key=""), name="campaigns_piece_imported_once"
            ),
        ]
        indexes = [
            models.Index(fields=["branch", "state", "-updated_at"], name="campaigns_piece_list"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_to_one_person(self) -> bool:
        """Whether it names the member it is said to, so that no whole group can get it."""
        return "{name}" in self.title + self.text

    def may_be_changed_by(self, user: User) -> bool:
        """Headquarters changes every piece, a branch its own."""
        return user.may_write and (user.branch_id is None or user.branch_id == self.branch_id)


class DrawOrder(models.TextChoices):
    LISTED = "listed", pgettext_lazy("series", "In order")
    RANDOM = "random", pgettext_lazy("series", "At random, without repeats")


class Series(models.Model):
    """A section with a fixed name and look, which gives one piece each time.

    It draws from the pieces listed in it, or, where none are listed, from all ready ones that match its conditions
    (`kind`, `value`, `level`, `with_tags`; empty: any). No piece comes again within `no_repeat_days` as long as there
    are others; `header_*` describe the header picture, drawn anew when they change.
    """

    name = models.CharField(_("name"), max_length=40)
    branch = models.ForeignKey(
        Branch, verbose_name=_("branch"), null=True, blank=True, on_delete=models.PROTECT, related_name="series"
    )
    order = models.CharField(_("order"), max_length=8, choices=DrawOrder, default=DrawOrder.LISTED)
    no_repeat_days = models.PositiveSmallIntegerField(_("days without repeats"), default=30)
    kind = models.CharField(_("kind"), max_length=10, choices=PieceKind, blank=True)
    value = models.CharField(_("value"), max_length=12, choices=Value, blank=True)
    level = models.CharField(_("level"), max_length=6, choices=Level, blank=True)
    with_tags = models.ManyToManyField(ContentTag, verbose_name=_("tags"), blank=True, related_name="+")
    header_style = models.CharField(_("look"), max_length=20, blank=True, help_text="empty: no header picture")
    header_line = models.CharField(_("line below the name"), max_length=60, blank=True)
    header_color = models.CharField(_("colour"), max_length=7, blank=True)
    header = models.ForeignKey(Picture, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = SeriesQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "name"], name="campaigns_series_name"),
            models.UniqueConstraint(fields=["name"], condition=Q(branch=None), name="campaigns_series_name_shared"),
            models.CheckConstraint(condition=Q(order__in=DrawOrder.values), name="campaigns_series_order_known"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def source_words(self) -> str:
        """What it draws from while no pieces are listed."""
        parts = [str(self.get_kind_display() or _("Texts and questions"))]
        parts += [str(words) for words in (self.get_value_display(), self.get_level_display()) if words]
        if tags := [tag.name for tag in self.with_tags.all()]:
            parts.append(", ".join(tags))
        return " · ".join(parts)

    def may_be_changed_by(self, user: User) -> bool:
        """Headquarters changes every series, a branch its own."""
        return user.may_write and (user.branch_id is None or user.branch_id == self.branch_id)


class SeriesPiece(models.Model):
    """A piece in the list of a series."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="listed")
    piece = models.ForeignKey(Piece, on_delete=models.CASCADE, related_name="listed_in")
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["series", "piece"], name="campaigns_seriespiece_once")]

    def __str__(self) -> str:
        return f"{self.piece_id} in {self.series_id}"
