"""Every address of the product: what each person of the cast gets there.

`tests/test_urls.py` asks for each of them, and fails on a route that is not listed here. The walker of `tests/browser`
opens those that are pages. Statuses stand in the order of WHO.

The objects named in a route belong to the Hangzhou branch, which is Mei's; Out must not learn that they exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WHO = ("lin", "mei", "ana", "out", "stranger")
Statuses = tuple[int, int, int, int, int]

# Pages: to read, to write, for administrators.
SEEN_BY_ALL: Statuses = (200, 200, 200, 200, 302)
SEEN_IN_BRANCH: Statuses = (200, 200, 200, 404, 302)
WRITERS: Statuses = (200, 200, 403, 200, 302)
WRITERS_IN_BRANCH: Statuses = (200, 200, 403, 404, 302)
ADMINS: Statuses = (200, 403, 403, 403, 302)
ADMINS_DO: Statuses = (302, 403, 403, 403, 302)
OPEN: Statuses = (200, 200, 200, 200, 200)
MEMBERS_ONLY: Statuses = (403, 403, 403, 403, 403)
# Another method is refused before anybody is asked who they are.
NOT_ALLOWED: Statuses = (405, 405, 405, 405, 405)
# API: a token acts for its person and has every scope; a stranger has none.
API_ALL: Statuses = (200, 200, 200, 200, 401)
API_IN_BRANCH: Statuses = (200, 200, 200, 404, 401)
API_REFUSED: Statuses = (405, 405, 405, 405, 401)


def done(status: int, *, reader: int = 403, elsewhere: int | None = None, stranger: int = 302) -> Statuses:
    """Writers get `status`; `elsewhere` is what the operator of another branch gets when it is not the same."""
    return (status, status, reader, status if elsewhere is None else elsewhere, stranger)


@dataclass(frozen=True)
class Route:
    """What a route answers.

    `args` names objects of the world (tests/test_urls.py) that fill the address; `page` says that GET gives a whole
    page for the walker; `query` and `data` are sent along. `phone` is what the member of the world gets on a phone on
    which they are signed in, by GET and by POST; where it is None, nobody asks.
    """

    get: Statuses = NOT_ALLOWED
    post: Statuses = NOT_ALLOWED
    args: dict[str, str] = field(default_factory=dict)
    page: bool = False
    query: str = ""
    data: dict[str, Any] | None = None
    phone: tuple[int, int] | None = None


def page(get: Statuses, post: Statuses = NOT_ALLOWED, *, query: str = "", data: Any = None, **args: str) -> Route:
    return Route(get, post, args, page=True, query=query, data=data)


def part(get: Statuses, post: Statuses = NOT_ALLOWED, *, query: str = "", data: Any = None, **args: str) -> Route:
    """A fragment, a file, or anything else that is not a whole page."""
    return Route(get, post, args, query=query, data=data)


def act(post: Statuses, *, data: Any = None, **args: str) -> Route:
    """Something that is only done, never looked at."""
    return Route(NOT_ALLOWED, post, args, data=data)


def phone(get: int = 200, post: int = 405, *, query: str = "", data: Any = None, **args: str) -> Route:
    """A page for the members of a group, or something that only they do: staff and strangers get 403."""
    refused = [NOT_ALLOWED if status == 405 else MEMBERS_ONLY for status in (get, post)]
    return Route(refused[0], refused[1], args, query=query, data=data, phone=(get, post))


def api(
    get: Statuses = API_REFUSED, post: Statuses = API_REFUSED, *, query: str = "", data: Any = None, **args: str
) -> Route:
    return Route(get, post, args, query=query, data=data)


MONTH = {"from": "2026-02-01", "to": "2026-02-28"}
FUNNEL = {"range": MONTH, "window_seconds": 86400, "steps": [{"kind": "joined"}, {"kind": "message"}]}
RETENTION = {
    "period": "week",
    "total_intervals": 4,
    "range": {"from": "2026-02-02"},
    "start_event": {"kind": "joined"},
    "return_event": {},
}
ACTIVITY = {"metric": "unique", "interval": "day", "range": MONTH, "event": {}}

ROUTES: dict[str, Route] = {
    # Health
    "healthz": part(OPEN),
    "readyz": part((503, 503, 503, 503, 503)),  # no worker runs beside the tests
    "metrics": part(OPEN),
    # The way in
    "accounts:sign_in": page((302, 302, 302, 302, 200), (302, 302, 302, 302, 200)),
    "accounts:sign_out": act((302, 302, 302, 302, 302)),
    "accounts:language": act((302, 302, 302, 302, 302), data={"language": "en"}),
    "accounts:theme": act((302, 302, 302, 302, 302), data={"theme": "dark"}),
    "accounts:profile": page(SEEN_BY_ALL, (200, 200, 200, 200, 302)),
    # Today and search
    "campaigns:home": part((302, 302, 302, 302, 302)),
    "campaigns:today": page(SEEN_BY_ALL),
    "campaigns:search": page(SEEN_BY_ALL, query="?q=阅读"),
    # Groups
    "groups:list": page(SEEN_BY_ALL),
    "groups:new": page(WRITERS, done(200)),
    "groups:detail": page(SEEN_IN_BRANCH, pk="group"),
    "groups:members": page(SEEN_IN_BRANCH, pk="group"),
    "groups:feed": page(SEEN_IN_BRANCH, pk="group"),
    "groups:deliveries": page(SEEN_IN_BRANCH, pk="group"),
    "groups:edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="group"),
    "groups:archive": act(done(302, elsewhere=404), pk="group"),
    "groups:restore": act(done(302, elsewhere=404), pk="group"),
    "groups:presets": page(ADMINS),
    "groups:preset": page(ADMINS, (200, 403, 403, 403, 302), motivation="motivation"),
    "groups:preset_file": part(ADMINS, motivation="motivation"),
    "groups:preset_reset": act((302, 403, 403, 403, 302), motivation="motivation"),
    "members:classes": page(ADMINS),
    "members:tiers_save": act((200, 403, 403, 403, 302)),
    "members:grades_change": act((302, 403, 403, 403, 302)),
    "members:promotion": page(ADMINS, (302, 403, 403, 403, 302)),
    "members:promotion_save": act((200, 403, 403, 403, 302)),
    "members:promotion_undo": act((302, 403, 403, 403, 302), pk="promotion"),
    "members:misfits": page(SEEN_BY_ALL),
    "members:misfits_propose": act(done(302)),
    "groups:bulk": act(done(302), subject="bulk_subject"),
    "groups:bulk_runs": page(SEEN_BY_ALL),
    "groups:bulk_run": page(SEEN_IN_BRANCH, pk="bulk_run"),
    "groups:bulk_progress": part(SEEN_IN_BRANCH, pk="bulk_run"),
    "groups:bulk_undo": act(done(302, elsewhere=404), pk="bulk_run"),
    # Roles in groups
    "groups:duties": page(SEEN_BY_ALL),
    "groups:duty_done": act(done(302), data={"all": "1"}, pk="duty"),
    "groups:duty_undo": act(done(302), pk="duty"),
    "members:team": page(SEEN_IN_BRANCH, pk="group"),
    "members:team_staff": act(done(200, elsewhere=404), pk="group"),
    "members:team_staff_end": act(done(404), data={"user": "0", "role": "owner"}, pk="group"),
    "members:team_role": act(done(200, elsewhere=404), data={"who": "没有这个人", "role": "leader"}, pk="group"),
    "members:team_role_end": act(done(302, elsewhere=404), pk="group", role_pk="member_role"),
    "members:team_pass": act(done(404), pk="group"),
    "members:team_unpass": act(done(404), pk="group"),
    "members:member_roles": part(SEEN_IN_BRANCH, pk="member"),
    "members:roles": page(ADMINS),
    "members:role_cell": act(ADMINS_DO, data={"role": "leader", "permission": "post", "allowed": "1"}),
    "members:roles_reset": act(ADMINS_DO),
    "members:leader_policy": act((200, 403, 403, 403, 302)),
    "members:duties_suggest": act(ADMINS_DO),
    "members:role_duties": act(ADMINS_DO, role="role"),
    # Rules
    "groups:rule_sets": page(SEEN_BY_ALL),
    "groups:rule_set_new": page(ADMINS, ADMINS),
    "groups:rules_try_form": act(ADMINS, data={"detector": "keywords", "p_words": "代购", "sentence": "找我代购"}),
    "groups:rules_try": act((200, 200, 200, 404, 302), pk="rules_draft", data={"sentence": "找我代购"}),
    "groups:rule_set": page(SEEN_IN_BRANCH, pk="rule_set"),
    "groups:rules_diff": page(SEEN_IN_BRANCH, pk="rule_set"),
    "groups:rules_rename": page(ADMINS, ADMINS, pk="rule_set"),
    "groups:rules_copy": page(ADMINS, ADMINS, pk="rule_set"),
    "groups:rules_archive": act((302, 403, 403, 403, 302), pk="rule_set"),
    "groups:rules_unarchive": act((302, 403, 403, 403, 302), pk="rule_set"),
    "groups:rules_version": page(SEEN_IN_BRANCH, pk="rule_set", number="rules_version"),
    "groups:rules_export": part(SEEN_IN_BRANCH, pk="rule_set", number="rules_version"),
    "groups:rules_restore": act((302, 403, 403, 403, 302), pk="rule_set", number="rules_version"),
    "groups:rules_draft": page(ADMINS, pk="rule_set"),
    "groups:rules_draft_begin": act((302, 403, 403, 403, 302), pk="rule_set"),
    "groups:rules_draft_order": act((302, 403, 403, 403, 302), pk="rule_set", data={"codes": ["ads"]}),
    "groups:rules_draft_details": page(ADMINS, ADMINS, pk="rule_set"),
    "groups:rules_draft_rule_new": page(ADMINS, ADMINS, pk="rule_set"),
    "groups:rules_draft_rule": page(ADMINS, ADMINS, pk="rule_set", code="rule_code"),
    "groups:rules_draft_rule_remove": page(ADMINS, (409, 403, 403, 403, 302), pk="rule_set", code="rule_code"),
    "groups:rules_publish": page(ADMINS, ADMINS, pk="rule_set"),
    "groups:rules_discard": page(ADMINS, (302, 403, 403, 403, 302), pk="rule_set"),
    # Members and imports
    "members:list": page(SEEN_BY_ALL),
    "members:detail": page(SEEN_IN_BRANCH, pk="member"),
    "members:edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="member"),
    "members:timeline": part(SEEN_IN_BRANCH, pk="member"),
    "members:new": page((200, 403, 403, 403, 302), (200, 403, 403, 403, 302)),
    "members:duplicates": page(SEEN_BY_ALL),
    "members:duplicates_of": part(SEEN_IN_BRANCH, pk="member"),
    "members:marketing": act(done(302, elsewhere=404), data={"no_marketing": "yes"}, pk="member"),
    "members:member_tag": act(done(302, elsewhere=404), pk="member"),
    "members:note_new": act(done(302, elsewhere=404), data={"text": "约了周六"}, pk="member"),
    "members:note_delete": act(done(302, elsewhere=404), pk="member", note_pk="note"),
    "members:merge": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="member"),
    "members:not_duplicates": act(done(302, elsewhere=404), pk="member"),
    "members:merge_undo": act(done(302, elsewhere=404), pk="merge_run"),
    "members:privacy": page(WRITERS_IN_BRANCH, pk="member"),
    "members:export": act(done(302, elsewhere=404), pk="member"),
    # A copy is for the person who asked for it alone.
    "members:export_file": part((404, 200, 403, 404, 302), pk="export"),
    "members:erase": act((302, 403, 403, 404, 302), data={"confirm": ""}, pk="member"),
    "members:erase_ask": act(done(302, elsewhere=404), pk="member"),
    "members:tags": page(SEEN_BY_ALL),
    "members:tag_new": page(WRITERS, done(200)),
    "members:tag": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="tag"),
    "members:tag_delete": act(done(302, elsewhere=404), pk="tag"),
    "members:segments": page(SEEN_BY_ALL),
    "members:segment_new": page(WRITERS, done(200)),
    "members:segment_preview": act(done(200)),
    "members:segment": page(SEEN_IN_BRANCH, pk="segment"),
    "members:segment_edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="segment"),
    "members:segment_delete": act(done(302, elsewhere=404), pk="segment"),
    "members:fields": page(ADMINS),
    "members:field_new": page(ADMINS, (200, 403, 403, 403, 302)),
    "members:field": page(ADMINS, (200, 403, 403, 403, 302), pk="member_field"),
    "members:field_archive": act((302, 403, 403, 403, 302), pk="member_field"),
    "members:field_restore": act((302, 403, 403, 403, 302), pk="member_field"),
    "members:retention": page(ADMINS, (200, 403, 403, 403, 302)),
    "members:retention_run": act((302, 403, 403, 403, 302)),
    "members:of_group": part(SEEN_IN_BRANCH, pk="group"),
    "campaigns:member_orders": part(SEEN_IN_BRANCH, pk="member"),
    # To do
    "members:tasks": page(SEEN_BY_ALL),
    "members:task_new": page(WRITERS, done(200)),
    "members:tasks_many": act(done(302)),
    "members:tasks_undo": act(done(302)),
    "members:tasks_part": part(SEEN_BY_ALL),
    "members:task": page(SEEN_IN_BRANCH, pk="task"),
    "members:task_settle": act(done(302, elsewhere=404), data={"outcome": "done"}, pk="task"),
    "members:task_give": act(done(302, elsewhere=404), pk="task"),
    "members:member_tasks": part(SEEN_IN_BRANCH, pk="member"),
    "members:imports": page(WRITERS),
    "members:import_upload": act(done(200)),
    "members:import_detail": page(WRITERS_IN_BRANCH, pk="import"),
    "members:import_preview": part(WRITERS_IN_BRANCH, pk="import"),
    "members:import_start": act(done(200, elsewhere=404), pk="import"),
    "members:import_discard": act(done(302, elsewhere=404), pk="import"),
    "members:import_progress": part(WRITERS_IN_BRANCH, pk="import"),
    "members:import_rejected": part(WRITERS_IN_BRANCH, pk="import_done"),
    # Conduct
    "members:applications": page(SEEN_BY_ALL),
    "members:applications_approve": act(done(302)),
    "members:application": page(SEEN_IN_BRANCH, pk="application"),
    "members:application_decide": act(done(302, elsewhere=404), pk="application"),
    "members:application_reopen": act(done(302, elsewhere=404), pk="application"),
    "members:group_entry": page(SEEN_IN_BRANCH, pk="group"),
    "members:group_entry_remind": act(done(302, elsewhere=404), pk="group"),
    "members:group_entry_questions": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="group"),
    "members:group_welcome": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="group"),
    "members:group_titles": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="group"),
    "members:group_title_give": act(done(302, elsewhere=404), pk="group"),
    "members:member_entry": part(SEEN_IN_BRANCH, pk="member"),
    "members:cleanup": page(SEEN_BY_ALL),
    "members:cleanup_begin": act(done(200)),
    "members:cleanup_record": page(SEEN_BY_ALL),
    "members:cleanup_rule_keep": act(done(302)),
    "members:cleanup_rule_forget": act(done(302, elsewhere=404), pk="cleanup_rule"),
    "members:cleanup_exemptions": page(SEEN_BY_ALL),
    "members:cleanup_unexempt": act(done(302, elsewhere=404), pk="exemption"),
    "members:cleanup_exempt": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="membership"),
    "members:cleanup_run": page(SEEN_IN_BRANCH, pk="cleanup_run"),
    "members:cleanup_progress": part(SEEN_IN_BRANCH, pk="cleanup_run"),
    "members:cleanup_undo_run": act(done(302, elsewhere=404), pk="cleanup_run"),
    "members:cleanup_undo_item": act(done(302, elsewhere=404), pk="cleanup_item"),
    "members:violations": page(SEEN_BY_ALL),
    "members:violations_decide": act(done(302)),
    "members:conduct_settings": page(ADMINS, (200, 403, 403, 403, 302)),
    "members:violation": page(SEEN_IN_BRANCH, pk="violation"),
    "members:violation_confirm": act(done(302, elsewhere=404), pk="violation"),
    "members:violation_dismiss": act(done(302, elsewhere=404), pk="violation"),
    "members:violation_reopen": act(done(302, elsewhere=404), pk="violation"),
    "members:violation_appeal": act(done(200, elsewhere=404), pk="violation"),
    "members:violation_uphold": act(done(200, elsewhere=404), pk="violation"),
    "members:violation_overturn": act(done(200, elsewhere=404), pk="violation"),
    "members:violation_new": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="group"),
    "members:member_conduct": part(SEEN_IN_BRANCH, pk="member"),
    "members:group_rules": page(SEEN_IN_BRANCH, pk="group"),
    "members:rules_assign": act(done(302, elsewhere=404), pk="group"),
    "members:rules_schedule": act(done(200, elsewhere=404), pk="group"),
    "members:rules_repost": act(done(302, elsewhere=404), pk="group"),
    "members:messages_keep": act(done(302, elsewhere=404), pk="group"),
    "members:rules_read_by_hand": act(done(302, elsewhere=404), pk="group", membership_pk="membership"),
    "members:rules_ack_share": part(SEEN_IN_BRANCH, pk="rule_set"),
    "members:rules_dry_run": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="rules_version_pk"),
    "members:dry_run": page(WRITERS_IN_BRANCH, pk="dry_run"),
    "members:dry_run_state": part(WRITERS_IN_BRANCH, pk="dry_run"),
    "members:dry_run_mark": act(done(302, elsewhere=404), pk="dry_run"),
    "member:rules": page(OPEN, token="personal_link"),
    "member:rules_read": act((302, 302, 302, 302, 302), token="personal_link"),
    "member:rules_report": phone(405, 200, token="personal_link"),
    "member:rules_appeal": phone(405, 200, token="personal_link", pk="violation"),
    "member:group_rules": phone(token="page_token"),
    "member:group_rules_read": phone(405, 302, token="page_token"),
    "member:group_rules_report": phone(405, 200, token="page_token"),
    "member:group_rules_appeal": phone(405, 200, token="page_token", pk="violation"),
    # Seed users and initiators
    "members:seeds": page(SEEN_BY_ALL),
    "members:seed_list": page(SEEN_BY_ALL),
    "members:seed_column": part(SEEN_BY_ALL, stage="seed_stage"),
    "members:seed_proposals": page(SEEN_BY_ALL),
    "members:seeds_add": act(done(302)),
    "members:seed_exclude": act(done(404)),
    "members:seed_unexclude": act(done(302, elsewhere=404), pk="seed_exclusion"),
    "members:seed_results": page(SEEN_BY_ALL),
    "members:seed_criteria": page(ADMINS, (200, 403, 403, 403, 302)),
    "members:seed_scoring": part(SEEN_BY_ALL),
    "members:seed": page(SEEN_IN_BRANCH, pk="seed"),
    "members:seed_move": act(done(200, elsewhere=404), pk="seed"),
    "members:seed_undo": act(done(302, elsewhere=404), pk="seed", move_pk="seed_move"),
    "members:seed_edit": act(done(302, elsewhere=404), pk="seed"),
    "members:member_seed": part(SEEN_IN_BRANCH, pk="member"),
    "members:seed_answers": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="member"),
    "members:group_initiators": page(SEEN_IN_BRANCH, pk="group"),
    "members:initiators_save": act(done(200, elsewhere=404), pk="group"),
    "members:initiators_kit_new": act(done(200, elsewhere=404), pk="group"),
    "members:initiators_kit_remove": act(done(302, elsewhere=404), pk="group", item_pk="kit_item"),
    "members:initiator_grant": act(done(302, elsewhere=404), pk="group", member_pk="member"),
    "members:initiator_end": act(done(302, elsewhere=404), pk="group", role_pk="initiator"),
    # Posts and deliveries
    "campaigns:posts": page(SEEN_BY_ALL),
    "campaigns:post_new": page(WRITERS, done(200)),
    "campaigns:post_groups": part(WRITERS),
    "campaigns:post_times": part(WRITERS),
    "campaigns:post_check": act(done(200)),
    "campaigns:sending": page(ADMINS, ADMINS),
    "campaigns:sending_days": act(ADMINS),
    "campaigns:sending_day_remove": act((302, 403, 403, 403, 302), pk="special_day"),
    "campaigns:sending_occasions": act(ADMINS),
    "campaigns:sending_occasion_remove": act((302, 403, 403, 403, 302), pk="occasion"),
    "campaigns:group_limits": page(ADMINS, (302, 403, 403, 403, 302), pk="group"),
    "campaigns:post": page(SEEN_IN_BRANCH, pk="post"),
    "campaigns:post_edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="post"),
    "campaigns:post_pause": act(done(302, elsewhere=404), pk="post"),
    "campaigns:post_resume": act(done(302, elsewhere=404), pk="post"),
    "campaigns:post_stop": page(WRITERS_IN_BRANCH, done(302, elsewhere=404), pk="post"),
    "campaigns:pieces": page(SEEN_BY_ALL),
    "campaigns:questions": page(SEEN_BY_ALL),
    "campaigns:daily_questions": act(done(302)),
    "campaigns:series_list": page(SEEN_BY_ALL),
    "campaigns:series_new": page(WRITERS, done(200)),
    "campaigns:series_header": part(WRITERS, query="?name=晨读&style=bar&color=%231f7a4d"),
    "campaigns:series": page(SEEN_IN_BRANCH, pk="series"),
    "campaigns:series_edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="series"),
    "campaigns:series_pieces": act(done(302, elsewhere=404), pk="series"),
    "campaigns:series_find": part(WRITERS_IN_BRANCH, pk="series"),
    "campaigns:series_retire": act(done(302, elsewhere=404), pk="series"),
    "campaigns:series_restore": act(done(302, elsewhere=404), pk="series"),
    "campaigns:mix": page(SEEN_BY_ALL),
    "campaigns:group_mix": part(SEEN_IN_BRANCH, pk="group"),
    "campaigns:piece_new": page(WRITERS, done(200)),
    "campaigns:piece_preview": act(done(200)),
    "campaigns:piece": page(SEEN_IN_BRANCH, pk="piece"),
    "campaigns:piece_edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="piece"),
    "campaigns:piece_retire": act(done(302, elsewhere=404), pk="piece"),
    "campaigns:piece_restore": act(done(302, elsewhere=404), pk="piece"),
    "campaigns:moments": page(SEEN_BY_ALL),
    "campaigns:moments_new": page(WRITERS, done(200)),
    "campaigns:moments_plan": page(SEEN_IN_BRANCH, pk="moments_plan"),
    "campaigns:moments_edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="moments_plan"),
    "campaigns:playbooks": page(SEEN_BY_ALL),
    "campaigns:playbook_choose": page(WRITERS),
    "campaigns:playbook_new": page(WRITERS, done(200), query="?shipped=newcomer"),
    "campaigns:playbook_begin": act(done(404), data={"playbook": "0"}),
    "campaigns:playbook": page(SEEN_IN_BRANCH, pk="playbook"),
    "campaigns:playbook_edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="playbook"),
    "campaigns:playbook_history": page(SEEN_IN_BRANCH, pk="playbook"),
    "campaigns:playbook_file": part(SEEN_IN_BRANCH, pk="playbook"),
    "campaigns:playbook_start": act(done(302, elsewhere=404), pk="playbook"),
    "campaigns:playbook_pause": act(done(302, elsewhere=404), pk="playbook"),
    "campaigns:playbook_retire": page(WRITERS_IN_BRANCH, done(302, elsewhere=404), pk="playbook"),
    "campaigns:playbook_run": page(SEEN_IN_BRANCH, pk="playbook_run"),
    "campaigns:playbook_run_stop": act(done(302, elsewhere=404), pk="playbook_run"),
    "campaigns:playbook_run_continue": act(done(302, elsewhere=404), pk="playbook_run"),
    "campaigns:playbook_step_skip": act(done(302, elsewhere=404), pk="playbook_step"),
    "campaigns:playbook_step_plan": act(done(302, elsewhere=404), pk="playbook_step"),
    "campaigns:group_playbooks": part(SEEN_IN_BRANCH, pk="group"),
    "campaigns:group_plan_run": act(done(404), pk="group"),
    "campaigns:group_playbook_switch": act(done(302, elsewhere=404), pk="group", playbook_pk="playbook"),
    "campaigns:member_playbooks": part(SEEN_IN_BRANCH, pk="member"),
    # Calendar
    "campaigns:calendar": page(SEEN_BY_ALL, query="?view=week&by=group"),
    "campaigns:group_coming": page(SEEN_IN_BRANCH, pk="group"),
    "campaigns:calendar_entry": page(SEEN_IN_BRANCH, pk="occurrence"),
    "campaigns:calendar_move": page(
        WRITERS_IN_BRANCH, done(302, elsewhere=404), pk="occurrence", query="?to=2199-01-01T09:00"
    ),
    "campaigns:calendar_edit": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="occurrence"),
    "campaigns:calendar_send": page(WRITERS_IN_BRANCH, done(302, elsewhere=404), pk="occurrence"),
    "campaigns:calendar_call_off": act(done(302, elsewhere=404), pk="occurrence"),
    "campaigns:calendar_restore": act(done(302, elsewhere=404), pk="occurrence"),
    "campaigns:calendar_put_back": act(done(404), pk="occurrence", token="undo_token"),
    # Rituals
    "campaigns:rituals": page(SEEN_BY_ALL),
    # Benchmarks
    "campaigns:stories": page(SEEN_BY_ALL),
    "campaigns:stories_missing": page(SEEN_BY_ALL),
    "campaigns:story_candidates": page(SEEN_IN_BRANCH, pk="group"),
    "campaigns:story_nominate": act(done(404), pk="group"),
    "campaigns:story": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="benchmark"),
    "campaigns:story_schedule": act(done(200, elsewhere=404), pk="benchmark"),
    "campaigns:story_withdraw": act(done(302, elsewhere=404), pk="benchmark"),
    "campaigns:story_restore": act(done(302, elsewhere=404), pk="benchmark"),
    # Brainstorms
    "campaigns:brainstorms": page(SEEN_BY_ALL),
    "campaigns:brainstorm_queue": page(SEEN_BY_ALL),
    "campaigns:brainstorm_plans": page(SEEN_BY_ALL),
    "campaigns:brainstorm_plan_new": page(WRITERS, done(200)),
    "campaigns:brainstorm_plan": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="brainstorm_plan"),
    "campaigns:brainstorm_plan_end": act(done(302, elsewhere=404), pk="brainstorm_plan"),
    "campaigns:brainstorm": page(SEEN_IN_BRANCH, pk="brainstorm"),
    "campaigns:brainstorm_question": act(done(200, elsewhere=404), pk="brainstorm"),
    "campaigns:brainstorm_call_off": act(done(302, elsewhere=404), pk="brainstorm"),
    "campaigns:brainstorm_restore": act(done(302, elsewhere=404), pk="brainstorm"),
    "campaigns:brainstorm_honours": act(done(302, elsewhere=404), pk="brainstorm"),
    "campaigns:answer_like": act(done(302, elsewhere=404), pk="answer"),
    "campaigns:answer_unlike": act(done(302, elsewhere=404), pk="answer"),
    "campaigns:answer_hide": act(done(302, elsewhere=404), pk="answer"),
    "campaigns:answer_show": act(done(302, elsewhere=404), pk="answer"),
    "member:brainstorms": phone(token="page_token"),
    "member:brainstorm": phone(token="page_token", pk="brainstorm"),
    "member:brainstorm_answer": phone(405, 302, data={"text": "每天五分钟"}, token="page_token", pk="brainstorm"),
    "member:brainstorm_like": phone(405, 302, token="page_token", pk="answer"),
    "member:brainstorm_unlike": phone(405, 302, token="page_token", pk="answer"),
    "campaigns:deliveries": page(SEEN_BY_ALL),
    "campaigns:delivery": page(SEEN_IN_BRANCH, pk="delivery"),
    "campaigns:delivery_decide": act(done(302, elsewhere=404), pk="delivery"),
    "campaigns:delivery_undo": act(done(302)),
    "campaigns:delivery_send": act(done(302, elsewhere=404), pk="delivery"),
    "campaigns:delivery_sent": act(done(302, elsewhere=404), pk="delivery"),
    "campaigns:delivery_skip": act(done(302, elsewhere=404), pk="delivery"),
    "campaigns:group_feed": part(SEEN_IN_BRANCH, pk="group"),
    "campaigns:group_deliveries": part(SEEN_IN_BRANCH, pk="group"),
    "campaigns:group_channel": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="group"),
    "campaigns:group_channel_secret": act(done(200, elsewhere=404), pk="group"),
    "campaigns:group_channel_enable": act(done(302, elsewhere=404), pk="group"),
    "campaigns:group_channel_test": act(done(302, elsewhere=404), pk="group"),
    "campaigns:group_channel_test_state": part(SEEN_IN_BRANCH, pk="group", delivery_pk="test"),
    "campaigns:group_page_renew": act(done(302, elsewhere=404), pk="group"),
    "campaigns:group_page_code": part(SEEN_IN_BRANCH, pk="group"),
    # Reports
    "analytics:activity": page(SEEN_BY_ALL),
    "analytics:retention": page(SEEN_BY_ALL),
    "analytics:funnel": page(SEEN_BY_ALL),
    "analytics:people": page(SEEN_BY_ALL),
    "analytics:group_options": part(SEEN_BY_ALL),
    "analytics:health": page(SEEN_BY_ALL),
    "analytics:interactions_today": part(SEEN_BY_ALL),
    "analytics:group_health": page(SEEN_IN_BRANCH, pk="group"),
    "analytics:group_health_card": part(SEEN_IN_BRANCH, pk="group"),
    "analytics:group_merge": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="group"),
    "analytics:group_unmerge": act(done(302, elsewhere=404), pk="group"),
    "analytics:group_close": page(WRITERS_IN_BRANCH, done(302, elsewhere=404), pk="group"),
    "analytics:branches": page(SEEN_BY_ALL),
    "analytics:branch_people": page(SEEN_IN_BRANCH, query="?figure=members", pk="branch"),
    # Personal links
    "members:group_links": page(WRITERS_IN_BRANCH, pk="group"),
    "members:group_links_make": act(done(302, elsewhere=404), pk="group"),
    "members:group_links_end": act(done(302, elsewhere=404), pk="group"),
    "members:group_links_sign_out": act(done(302, elsewhere=404), pk="group"),
    "members:group_links_sheet": page(WRITERS_IN_BRANCH, pk="group"),
    "members:member_links": part(SEEN_IN_BRANCH, pk="member"),
    "members:member_link_make": act(done(302, elsewhere=404), pk="member"),
    "members:member_link": page(WRITERS_IN_BRANCH, pk="member", link_pk="link"),
    "members:member_link_end": act(done(302, elsewhere=404), pk="member", link_pk="link"),
    "members:member_sign_out": act(done(302, elsewhere=404), pk="member"),
    # Questions
    "members:questions": page(SEEN_BY_ALL),
    "members:question": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="question"),
    "members:question_take": act(done(302, elsewhere=404), pk="question"),
    "members:question_give_back": act(done(302, elsewhere=404), pk="question"),
    "members:question_close": act(done(200, elsewhere=404), pk="question"),
    "members:question_merge": act(done(200, elsewhere=404), pk="question"),
    "members:question_reopen": act(done(302, elsewhere=404), pk="question"),
    "members:question_picture": part(SEEN_IN_BRANCH, pk="question"),
    "members:question_accept": act(done(302, elsewhere=404), pk="answered", answer_pk="answer"),
    "members:question_unaccept": act(done(302, elsewhere=404), pk="answered", answer_pk="answer"),
    "members:question_note": page(WRITERS_IN_BRANCH, done(200, elsewhere=404), pk="group"),
    # Members' phones
    "member:questions": phone(token="page_token"),
    "member:question_ask": phone(200, 200, token="page_token"),
    "member:known": phone(token="page_token", pk="knowledge"),
    "member:question": phone(token="page_token", pk="question"),
    "member:question_answer": phone(405, 200, token="page_token", pk="question"),
    "member:question_withdraw": phone(405, 302, token="page_token", pk="question"),
    "member:question_picture": phone(token="page_token", pk="question"),
    "member:answer_helpful": phone(405, 302, token="page_token", pk="answered", answer_pk="answer"),
    "member:answer_accept": phone(405, 409, token="page_token", pk="answered", answer_pk="answer"),
    "member:link": page(OPEN, (302, 302, 302, 302, 302), code="link_code"),
    "member:me": phone(),
    "member:consent": phone(post=302, data={"version": "1"}),
    "member:consent_withdraw": phone(405, 302),
    "member:points": phone(),
    "member:envelope": phone(post=302, token="page_token", pk="envelope_round"),
    "members:member_points": page(SEEN_IN_BRANCH, done(200, elsewhere=404), pk="member"),
    "members:member_points_part": part(SEEN_IN_BRANCH, pk="member"),
    "members:points": page(ADMINS),
    "member:sign_out": Route(NOT_ALLOWED, (302, 302, 302, 302, 302), phone=(405, 302)),
    "member:group": page(OPEN, token="page_token"),
    "member:picture": part(OPEN, token="picture"),
    "member:join": page(OPEN, OPEN, token="page_token"),
    "member:application_device": act((302, 302, 302, 302, 302), token="application_token"),
    "member:application": page(OPEN, (302, 302, 302, 302, 302), token="application_token"),
    # Settings
    "accounts:settings": page(ADMINS),
    "accounts:staff": page(ADMINS),
    "accounts:staff_new": page(ADMINS, (200, 403, 403, 403, 302)),
    "accounts:staff_edit": page(ADMINS, (200, 403, 403, 403, 302), pk="mei"),
    "accounts:staff_password": act((200, 403, 403, 403, 302), pk="mei"),
    "accounts:branches": page(ADMINS),
    "accounts:branch_new": page(ADMINS, (200, 403, 403, 403, 302)),
    "accounts:branch_edit": page(ADMINS, (200, 403, 403, 403, 302), pk="branch"),
    "accounts:audit": page(ADMINS),
    "accounts:history": part((404, 404, 404, 404, 302)),  # of nothing; tests/accounts/test_audit.py asks for things
    "analytics:health_policy": page(ADMINS, (200, 403, 403, 403, 302)),
    "accounts:tokens": page(ADMINS),
    "accounts:token_new": page(ADMINS, (200, 403, 403, 403, 302)),
    "accounts:token_revoke": act((302, 403, 403, 403, 302), pk="token"),
    "members:consent": page(ADMINS, (200, 403, 403, 403, 302)),
    "members:consent_publish": act(ADMINS_DO),
    # API
    "api:schema": part(OPEN, NOT_ALLOWED),
    "api:docs": part(OPEN, NOT_ALLOWED),
    "api:events": api(post=done(200, stranger=401), data={"events": []}),
    "api:acknowledgements": api(post=done(400, stranger=401)),
    "api:applications": api(API_ALL, done(400, stranger=401)),
    "api:application": api(API_IN_BRANCH, pk="application"),
    "api:application-approve": api(post=done(200, elsewhere=404, stranger=401), pk="application"),
    "api:application-reject": api(post=done(400, elsewhere=404, stranger=401), pk="application"),
    "api:questions": api(API_ALL, done(400, stranger=401)),
    "api:question": api(API_IN_BRANCH, pk="question"),
    "api:question-answers": api(API_IN_BRANCH, (400, 400, 403, 404, 401), pk="question"),
    "api:entry-questions": api(API_ALL),
    "api:memberships": api(API_ALL),
    "api:membership": api(API_IN_BRANCH, pk="membership"),
    "api:cleanup-runs": api(API_ALL),
    "api:cleanup-items": api(API_ALL),
    "api:violations": api(API_ALL, done(400, stranger=401)),
    "api:violation": api(API_IN_BRANCH, pk="violation"),
    "api:violation-confirm": api(post=done(200, elsewhere=404, stranger=401), pk="violation"),
    "api:violation-dismiss": api(post=done(200, elsewhere=404, stranger=401), pk="violation"),
    "api:violation-appeal": api(post=done(400, elsewhere=404, stranger=401), pk="violation"),
    "api:violation-decide": api(post=done(400, elsewhere=404, stranger=401), pk="violation"),
    "api:messages": api(post=done(200, stranger=401), data={"messages": []}),
    "api:groups": api(API_ALL, done(400, stranger=401)),
    "api:group": api(API_IN_BRANCH, pk="group"),
    "api:health": api(API_ALL),
    "api:group-health": api(API_IN_BRANCH, pk="group"),
    "api:group-roles": api(API_IN_BRANCH, (400, 400, 403, 404, 401), pk="group"),
    "api:tasks": api(API_ALL),
    "api:task-settle": api(post=(200, 200, 403, 404, 401), pk="task"),
    "api:audit": api((200, 403, 403, 403, 401)),
    "api:rule-sets": api(API_ALL, (201, 403, 403, 403, 401), data={"name": "新群规"}),
    "api:rule-set": api(API_IN_BRANCH, pk="rule_set"),
    "api:rule-set-draft": api(post=(200, 403, 403, 404, 401), pk="rule_set"),
    "api:rule-set-publish": api(post=(200, 403, 403, 404, 401), pk="rule_set", data={"revision": 1}),
    "api:rule-set-check": api(post=API_IN_BRANCH, pk="rule_set", data={"text": "找我代购"}),
    "api:members": api(API_ALL, (400, 403, 403, 403, 401)),
    "api:member": api(API_IN_BRANCH, pk="member"),
    "api:member-tags": api(post=done(200, elsewhere=404, stranger=401), pk="member"),
    "api:member-merge": api(post=(400, 403, 403, 404, 401), pk="member"),
    "api:member-erase": api(post=(400, 403, 403, 404, 401), pk="member"),
    "api:member-export": api(post=(201, 403, 403, 404, 401), pk="member"),
    "api:segments": api(API_ALL, done(400, stranger=401)),
    "api:segment-count": api(API_IN_BRANCH, pk="segment"),
    "api:member-seed-answers": api(API_IN_BRANCH, pk="member"),
    "api:seed-users": api(API_ALL, done(400, stranger=401)),
    "api:seed-user": api(API_IN_BRANCH, pk="seed"),
    "api:seed-user-move": api(post=done(400, elsewhere=404, stranger=401), pk="seed"),
    "api:content": api(API_ALL, (400, 400, 403, 400, 401)),
    "api:content-piece": api(API_IN_BRANCH, pk="piece"),
    "api:playbooks": api(API_ALL, done(400, stranger=401)),
    "api:playbook": api(API_IN_BRANCH, pk="playbook"),
    "api:posts": api(API_ALL, done(400, stranger=401)),
    "api:post": api(API_IN_BRANCH, pk="post"),
    "api:post-pause": api(post=done(200, elsewhere=404, stranger=401), pk="post"),
    "api:post-resume": api(post=done(200, elsewhere=404, stranger=401), pk="post"),
    "api:post-stop": api(post=done(200, elsewhere=404, stranger=401), pk="post"),
    "api:deliveries": api(API_ALL),
    "api:report-funnel": api(post=API_ALL, data=FUNNEL),
    "api:report-retention": api(post=API_ALL, data=RETENTION),
    "api:report-activity": api(post=API_ALL, data=ACTIVITY),
    "api:no-such-address": api((404, 404, 404, 404, 404), (404, 404, 404, 404, 404)),
}
