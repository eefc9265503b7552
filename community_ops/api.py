"""Version 1 of the API, put together from the apps."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import path, re_path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView

from accounts.api import AuditList
from analytics.api import ActivityView, FunnelView, RetentionView
from analytics.health.api import GroupHealthDetail, HealthList
from campaigns.activities.api import ActivityDetail, ActivityList, SignUpList
from campaigns.api import DeliveryList, PostDetail, PostList, PostPause, PostResume, PostStop
from campaigns.checkins.api import CheckInList
from campaigns.checkins.api import ProgrammeList as CheckInProgrammeList
from campaigns.content.api import ContentDetail, ContentList
from campaigns.playbooks.api import PlaybookDetail, PlaybookList
from community_ops.lib.problems import problem_json
from groups.api import GroupDetail, GroupList
from groups.rules.api import RuleSetCheck, RuleSetDetail, RuleSetDraft, RuleSetList, RuleSetPublish
from members.api import (
    MemberCopies,
    MemberDetail,
    MemberErase,
    MemberList,
    MemberMerge,
    MemberTags,
    SegmentCountNow,
    SegmentList,
)
from members.cleanup.api import CleanupItemList, CleanupRunList
from members.conduct.api import (
    AcknowledgementView,
    ViolationAppeal,
    ViolationConfirm,
    ViolationDetail,
    ViolationDismiss,
    ViolationList,
    ViolationSettle,
)
from members.conduct.messages_api import MessagesView
from members.entry.api import (
    ApplicationApprove,
    ApplicationDetail,
    ApplicationList,
    ApplicationReject,
    MembershipDetail,
    MembershipList,
    QuestionList,
)
from members.ingestion.api import EventsView
from members.questions.api import QuestionAnswers, QuestionAsked, QuestionsAsked
from members.roles.api import GroupRoles
from members.seeds.api import SeedAnswers, SeedUserDetail, SeedUserList, SeedUserMove
from members.work.api import TaskList, TaskSettle


class BearerToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the one way to sign a request."""

    target_class = "accounts.api_auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token acts for its member of staff."}


@csrf_exempt
def no_such_address(request: HttpRequest) -> JsonResponse:
    return problem_json(404, "not_found", _("The API has no such address. Addresses end with a slash."))


app_name = "api"
urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", TemplateView.as_view(template_name="shared/api_docs.html"), name="docs"),
    path("events/", EventsView.as_view(), name="events"),
    path("messages/", MessagesView.as_view(), name="messages"),
    path("acknowledgements/", AcknowledgementView.as_view(), name="acknowledgements"),
    path("violations/", ViolationList.as_view(), name="violations"),
    path("violations/<int:pk>/", ViolationDetail.as_view(), name="violation"),
    path("violations/<int:pk>/confirm/", ViolationConfirm.as_view(), name="violation-confirm"),
    path("violations/<int:pk>/dismiss/", ViolationDismiss.as_view(), name="violation-dismiss"),
    path("violations/<int:pk>/appeal/", ViolationAppeal.as_view(), name="violation-appeal"),
    path("violations/<int:pk>/decide/", ViolationSettle.as_view(), name="violation-decide"),
    path("groups/", GroupList.as_view(), name="groups"),
    path("groups/<int:pk>/", GroupDetail.as_view(), name="group"),
    path("groups/<int:pk>/health/", GroupHealthDetail.as_view(), name="group-health"),
    path("health/", HealthList.as_view(), name="health"),
    path("groups/<int:pk>/roles/", GroupRoles.as_view(), name="group-roles"),
    path("tasks/", TaskList.as_view(), name="tasks"),
    path("tasks/<int:pk>/settle/", TaskSettle.as_view(), name="task-settle"),
    path("audit/", AuditList.as_view(), name="audit"),
    path("applications/", ApplicationList.as_view(), name="applications"),
    path("applications/<int:pk>/", ApplicationDetail.as_view(), name="application"),
    path("applications/<int:pk>/approve/", ApplicationApprove.as_view(), name="application-approve"),
    path("applications/<int:pk>/reject/", ApplicationReject.as_view(), name="application-reject"),
    path("questions/", QuestionsAsked.as_view(), name="questions"),
    path("questions/<int:pk>/", QuestionAsked.as_view(), name="question"),
    path("questions/<int:pk>/answers/", QuestionAnswers.as_view(), name="question-answers"),
    path("entry-questions/", QuestionList.as_view(), name="entry-questions"),
    path("memberships/", MembershipList.as_view(), name="memberships"),
    path("memberships/<int:pk>/", MembershipDetail.as_view(), name="membership"),
    path("cleanup-runs/", CleanupRunList.as_view(), name="cleanup-runs"),
    path("cleanup-items/", CleanupItemList.as_view(), name="cleanup-items"),
    path("rule-sets/", RuleSetList.as_view(), name="rule-sets"),
    path("rule-sets/<int:pk>/", RuleSetDetail.as_view(), name="rule-set"),
    path("rule-sets/<int:pk>/draft/", RuleSetDraft.as_view(), name="rule-set-draft"),
    path("rule-sets/<int:pk>/publish/", RuleSetPublish.as_view(), name="rule-set-publish"),
    path("rule-sets/<int:pk>/check/", RuleSetCheck.as_view(), name="rule-set-check"),
    path("members/", MemberList.as_view(), name="members"),
    path("members/<int:pk>/", MemberDetail.as_view(), name="member"),
    path("members/<int:pk>/tags/", MemberTags.as_view(), name="member-tags"),
    path("members/<int:pk>/merge/", MemberMerge.as_view(), name="member-merge"),
    path("members/<int:pk>/erase/", MemberErase.as_view(), name="member-erase"),
    path("members/<int:pk>/export/", MemberCopies.as_view(), name="member-export"),
    path("segments/", SegmentList.as_view(), name="segments"),
    path("segments/<int:pk>/count/", SegmentCountNow.as_view(), name="segment-count"),
    path("members/<int:pk>/seed-answers/", SeedAnswers.as_view(), name="member-seed-answers"),
    path("seed-users/", SeedUserList.as_view(), name="seed-users"),
    path("seed-users/<int:pk>/", SeedUserDetail.as_view(), name="seed-user"),
    path("seed-users/<int:pk>/move/", SeedUserMove.as_view(), name="seed-user-move"),
    path("reports/funnel/", FunnelView.as_view(), name="report-funnel"),
    path("reports/retention/", RetentionView.as_view(), name="report-retention"),
    path("reports/activity/", ActivityView.as_view(), name="report-activity"),
    path("posts/", PostList.as_view(), name="posts"),
    path("posts/<int:pk>/", PostDetail.as_view(), name="post"),
    path("posts/<int:pk>/pause/", PostPause.as_view(), name="post-pause"),
    path("posts/<int:pk>/resume/", PostResume.as_view(), name="post-resume"),
    path("posts/<int:pk>/stop/", PostStop.as_view(), name="post-stop"),
    path("content/", ContentList.as_view(), name="content"),
    path("content/<int:pk>/", ContentDetail.as_view(), name="content-piece"),
    path("activities/", ActivityList.as_view(), name="activities"),
    path("activities/<int:pk>/", ActivityDetail.as_view(), name="activity"),
    path("sign-ups/", SignUpList.as_view(), name="sign-ups"),
    path("check-in-programmes/", CheckInProgrammeList.as_view(), name="check_in_programmes"),
    path("check-ins/", CheckInList.as_view(), name="check_ins"),
    path("playbooks/", PlaybookList.as_view(), name="playbooks"),
    path("playbooks/<int:pk>/", PlaybookDetail.as_view(), name="playbook"),
    path("deliveries/", DeliveryList.as_view(), name="deliveries"),
    # Last: a problem document instead of a page.
    re_path(r"^.*$", no_such_address, name="no-such-address"),
]
