"""Proposals of members for their group, and votes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from campaigns.activities.models import Activity
from campaigns.content.models import Piece
from campaigns.proposals.querysets import ProposalQuerySet
from groups.models import Group
from members.models import Member

LONGEST_TITLE = 80
LONGEST_TEXT = 1000
LONGEST_ANSWER = 500


class ProposalKind(models.TextChoices):
    ACTIVITY = "activity", pgettext_lazy("proposal", "Activity")
    TOPIC = "topic", pgettext_lazy("proposal", "Topic")


class ProposalState(models.TextChoices):
    OPEN = "open", pgettext_lazy("proposal", "Open for votes")
    ACCEPTED = "accepted", pgettext_lazy("proposal", "Accepted")
    REJECTED = "rejected", pgettext_lazy("proposal", "Not this time")
    WITHDRAWN = "withdrawn", pgettext_lazy("proposal", "Withdrawn")


class Proposal(models.Model):
    """What a member would like the group to do. `answer` is what staff said when they decided; `hidden_at` takes it
    from the pages of the others. An accepted one became a draft: an activity, or for a topic a `piece` of the content
    library. `version` grows with each decision, so that two who decide notice each other."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="proposals")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="proposals")
    kind = models.CharField(_("kind"), max_length=8, choices=ProposalKind, default=ProposalKind.ACTIVITY)
    title = models.CharField(_("title"), max_length=LONGEST_TITLE)
    text = models.TextField(_("text"), max_length=LONGEST_TEXT, blank=True)
    digest = models.CharField(max_length=32, blank=True)
    state = models.CharField(_("state"), max_length=9, choices=ProposalState, default=ProposalState.OPEN)
    answer = models.TextField(_("answer"), max_length=LONGEST_ANSWER, blank=True)
    created_at = models.DateTimeField(_("proposed"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    hidden_at = models.DateTimeField(null=True, blank=True)
    activity = models.ForeignKey(Activity, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    piece = models.ForeignKey(Piece, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    version = models.PositiveIntegerField(default=1)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ProposalState.values), name="campaigns_proposal_state_known"),
            models.CheckConstraint(condition=Q(kind__in=ProposalKind.values), name="campaigns_proposal_kind_known"),
            models.CheckConstraint(
                condition=~Q(state="rejected") | ~Q(answer=""), name="campaigns_proposal_rejected_with_reason"
            ),
            models.UniqueConstraint(
                fields=["group", "member", "digest"],
                condition=~Q(digest="") & Q(state="open"),
                name="campaigns_proposal_same_words_once",
            ),
        ]
        indexes = [models.Index(fields=["group", "state", "-created_at"], name="campaigns_proposal_list")]

    def __str__(self) -> str:
        return self.title


class ProposalVote(models.Model):
    """A member wants it too."""

    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, related_name="votes")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="proposal_votes")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["proposal", "member"], name="campaigns_proposalvote_once")]

    def __str__(self) -> str:
        return f"vote for {self.proposal_id}"
