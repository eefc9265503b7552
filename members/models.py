"""The people in the groups."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from groups.models import Grade, Group, Tier
from members.acquisition.models import ChannelSpend
from members.classes.models import MoveKind, PromotionMove, PromotionRun, TierChange, TierMark
from members.cleanup.models import CleanupExemption, CleanupItem, CleanupRule, CleanupRun, ItemState, RunState
from members.conduct.models import (
    AcknowledgedBy,
    Acknowledgement,
    Appeal,
    Compared,
    DryRun,
    DryRunHit,
    DryRunState,
    Every,
    GroupConduct,
    KeptMessage,
    MessageType,
    Source,
    Violation,
    ViolationState,
)
from members.consent.models import Consent, ConsentText
from members.entry.models import (
    Application,
    ApplicationState,
    Approval,
    EntryPlan,
    EntryQuestion,
    GroupTitle,
    Newcomer,
    QuestionKind,
)
from members.feedback.models import (
    Need,
    NeedAsk,
    NeedCategory,
    NeedMerge,
    NeedReceipt,
    NeedReply,
    NeedStatus,
)
from members.fields.models import FieldDefinition, FieldKind
from members.initiators.models import InitiatorProgramme, KitItem
from members.merging.models import MergeRun, NotDuplicates
from members.points.models import Account, Transfer
from members.privacy.models import ExportState, MemberExport, RetentionRun, Tombstone
from members.querysets import ImportRunQuerySet, MemberQuerySet, MembershipQuerySet
from members.questions.models import (
    Answer,
    AskedBy,
    ClosedDay,
    CloseReason,
    DutySwap,
    DutyWindow,
    EscalationStep,
    HelpfulVote,
    Knowledge,
    Question,
    QuestionState,
    ServiceHours,
    StepState,
    StepTo,
    Visibility,
)
from members.roles.models import LeaderPass, MemberRole
from members.seeds.models import SeedExclusion, SeedMove, SeedProfile, SeedScoring, SeedStage, SeedUser
from members.segments.models import ListedMember, MemberList, Segment, SegmentCount
from members.tags.models import MemberTag, Tag, TagSource
from members.timeline.models import Note
from members.visitors.models import EntryLink, IdentityKind, MemberIdentity, MemberSession, OpenedBy
from members.work.models import StaffTask, TaskState

__all__ = [
    "Account",
    "AcknowledgedBy",
    "Acknowledgement",
    "Answer",
    "Appeal",
    "Application",
    "ApplicationState",
    "Approval",
    "AskedBy",
    "ChannelSpend",
    "CleanupExemption",
    "CleanupItem",
    "CleanupRule",
    "CleanupRun",
    "CloseReason",
    "ClosedDay",
    "Compared",
    "Consent",
    "ConsentText",
    "DryRun",
    "DryRunHit",
    "DryRunState",
    "DutySwap",
    "DutyWindow",
    "EntryLink",
    "EntryPlan",
    "EntryQuestion",
    "EscalationStep",
    "Every",
    "ExportState",
    "FieldDefinition",
    "FieldKind",
    "GroupConduct",
    "GroupTitle",
    "HelpfulVote",
    "IdentityKind",
    "ImportRun",
    "ImportState",
    "InitiatorProgramme",
    "ItemState",
    "JourneyStage",
    "KeptMessage",
    "KitItem",
    "Knowledge",
    "LeaderPass",
    "ListedMember",
    "Member",
    "MemberExport",
    "MemberIdentity",
    "MemberList",
    "MemberRole",
    "MemberSession",
    "MemberTag",
    "Membership",
    "MergeRun",
    "MessageType",
    "MoveKind",
    "Need",
    "NeedAsk",
    "NeedCategory",
    "NeedMerge",
    "NeedReceipt",
    "NeedReply",
    "NeedStatus",
    "Newcomer",
    "NotDuplicates",
    "Note",
    "OpenedBy",
    "PromotionMove",
    "PromotionRun",
    "Question",
    "QuestionKind",
    "QuestionState",
    "RetentionRun",
    "RunState",
    "SeedExclusion",
    "SeedMove",
    "SeedProfile",
    "SeedScoring",
    "SeedStage",
    "SeedUser",
    "Segment",
    "SegmentCount",
    "ServiceHours",
    "Source",
    "StaffTask",
    "StepState",
    "StepTo",
    "Tag",
    "TagSource",
    "TaskState",
    "TierChange",
    "TierMark",
    "Tombstone",
    "Transfer",
    "Violation",
    "ViolationState",
    "Visibility",
]


class JourneyStage(models.IntegerChoices):
    """How far a member has come on the core chain; the furthest stage ever reached."""

    KNOWN = 0, _("Known")
    IN_GROUP = 1, _("In a group")
    FRIEND = 2, _("Friend")
    LEAD = 3, _("Lead or trial")
    CUSTOMER = 4, _("Customer")


class Member(models.Model):
    """A person of the community, known by the id of the system that brought them.

    `tier` follows from orders. `fields` holds what administrators defined, by key. `no_marketing` is the member's word
    that nothing may be advertised to them. A member that was merged points to the one that stays; one that was erased
    keeps its row and number, so that counts stay, and nothing else.
    """

    external_id = models.CharField(_("external id"), max_length=120, unique=True)
    name = models.CharField(_("name"), max_length=120)
    stage = models.PositiveSmallIntegerField(_("stage"), choices=JourneyStage, default=JourneyStage.KNOWN)
    first_seen_at = models.DateTimeField(_("first seen"), null=True, blank=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    tier = models.CharField(_("tier"), max_length=10, choices=Tier, default=Tier.NON_PAYING)
    identity = models.CharField(_("identity"), max_length=60, blank=True)
    grade = models.ForeignKey(
        Grade, verbose_name=_("grade"), null=True, blank=True, on_delete=models.PROTECT, related_name="members"
    )
    contact = models.CharField(_("WeChat id"), max_length=60, blank=True)
    fields = models.JSONField(default=dict, blank=True)
    invited_by = models.ForeignKey(
        "self", verbose_name=_("invited by"), null=True, blank=True, on_delete=models.SET_NULL, related_name="invitees"
    )
    no_marketing = models.BooleanField(_("no marketing"), default=False)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="duplicates")
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["name", "id"], name="members_member_name"),
            models.Index(fields=["-last_seen_at", "id"], name="members_member_last_seen"),
            models.Index(fields=["stage", "id"], name="members_member_stage"),
            models.Index(fields=["tier", "id"], name="members_member_tier"),
            # The few who were erased, whom reports leave out.
            models.Index(fields=["id"], condition=Q(erased_at__isnull=False), name="members_member_erased"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A member's time in a group.

    Events may arrive in any order, so three instants are kept and only ever moved outwards: the first and the last
    evidence of being there, and the last departure. Present means: never left, or seen there after leaving.
    `title` is what the group calls the member, shown on the group's page.
    """

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField(_("joined"))
    last_seen_at = models.DateTimeField(_("last seen"))
    left_at = models.DateTimeField(_("left"), null=True, blank=True)
    introduced_at = models.DateTimeField(_("introduced"), null=True, blank=True)
    title = models.CharField(pgettext_lazy("honour", "title"), max_length=20, blank=True, db_default="")

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "group"], name="members_membership_once"),
        ]
        indexes = [
            models.Index(fields=["group", "-last_seen_at"], name="members_membership_group"),
            # Whom a branch may see, by its groups and from the index alone.
            models.Index(fields=["group", "member"], name="members_membership_whose"),
            # Who came within a range of days, over all groups: the overview of reports.
            models.Index(fields=["joined_at"], name="members_membership_joined"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.group_id}"

    @property
    def is_present(self) -> bool:
        return self.left_at is None or self.last_seen_at > self.left_at


class ImportState(models.TextChoices):
    MAPPING = "mapping", _("Waiting for the columns")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class ImportRun(models.Model):
    """One uploaded file on its way in. Progress is saved with each batch, so a killed worker's successor goes on."""

    kind = models.CharField(max_length=20, help_text="name of the importer, as messages or orders")
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="import_runs")
    file_name = models.CharField(max_length=255)
    path = models.CharField(max_length=300, help_text="of the kept file, relative to MEDIA_ROOT")
    mapping = models.JSONField(default=dict)
    timezone = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.MAPPING)
    bytes_total = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    rows_read = models.BigIntegerField(default=0)
    rows_imported = models.BigIntegerField(default=0)
    rows_duplicate = models.BigIntegerField(default=0)
    rows_rejected = models.BigIntegerField(default=0)
    rejected_bytes = models.BigIntegerField(default=0, help_text="size of the file of rejected rows, as of rows_read")
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="members_importrun_state_known"),
            models.CheckConstraint(condition=Q(bytes_done__lte=F("bytes_total")), name="members_importrun_progress"),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def percent(self) -> int:
        return 100 * self.bytes_done // self.bytes_total if self.bytes_total else 0
