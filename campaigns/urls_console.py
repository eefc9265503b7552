from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from campaigns import channel, search
from campaigns.activities.urls import urlpatterns as activities
from campaigns.brainstorms.urls import urlpatterns as brainstorms
from campaigns.calendar import urls as calendar
from campaigns.checkins.urls import urlpatterns as checkins
from campaigns.content.urls import urlpatterns as content
from campaigns.deliveries import views as deliveries
from campaigns.envelopes.urls import urlpatterns as envelopes
from campaigns.moments.urls import urlpatterns as moments
from campaigns.orders.views import member_orders
from campaigns.playbooks.urls import urlpatterns as playbooks
from campaigns.posts import sending
from campaigns.posts import views as posts
from campaigns.prizes.urls import urlpatterns as prizes
from campaigns.proposals.urls import urlpatterns as proposals
from campaigns.rituals.urls import urlpatterns as rituals
from campaigns.stories.urls import urlpatterns as stories
from campaigns.today import views as today

app_name = "campaigns"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", today.home, name="home"),
    path("today/", today.today, name="today"),
    path("today/check-ins/", today.check_ins, name="today_check_ins"),
    path("search/", search.search, name="search"),
    path("posts/", posts.post_list, name="posts"),
    path("posts/new/", posts.post_new, name="post_new"),
    path("posts/groups/", posts.post_groups, name="post_groups"),
    path("posts/times/", posts.post_times, name="post_times"),
    path("settings/sending/", sending.sending, name="sending"),
    path("settings/sending/days/", sending.days_add, name="sending_days"),
    path("settings/sending/days/<int:pk>/remove/", sending.day_remove, name="sending_day_remove"),
    path("settings/sending/occasions/", sending.occasion_add, name="sending_occasions"),
    path("settings/sending/occasions/<int:pk>/remove/", sending.occasion_remove, name="sending_occasion_remove"),
    path("groups/<int:pk>/limits/", sending.group_limits, name="group_limits"),
    path("posts/check/", posts.post_check, name="post_check"),
    path("posts/<int:pk>/", posts.post_detail, name="post"),
    path("posts/<int:pk>/planning/", posts.post_planning, name="post_planning"),
    path("posts/<int:pk>/edit/", posts.post_edit, name="post_edit"),
    path("posts/<int:pk>/pause/", posts.post_hold, name="post_pause"),
    path("posts/<int:pk>/resume/", posts.post_continue, name="post_resume"),
    path("posts/<int:pk>/stop/", posts.post_end, name="post_stop"),
    *calendar.urlpatterns,
    *checkins,
    *content,
    *envelopes,
    *stories,
    *rituals,
    *brainstorms,
    *activities,
    *proposals,
    *moments,
    *playbooks,
    *prizes,
    path("deliveries/", deliveries.delivery_list, name="deliveries"),
    path("deliveries/undo/", deliveries.delivery_undo, name="delivery_undo"),
    path("deliveries/<int:pk>/", deliveries.delivery_detail, name="delivery"),
    path("deliveries/<int:pk>/decide/", deliveries.delivery_act, name="delivery_decide"),
    path("deliveries/<int:pk>/send/", deliveries.delivery_act, {"decision": "send"}, name="delivery_send"),
    path("deliveries/<int:pk>/sent/", deliveries.delivery_act, {"decision": "sent"}, name="delivery_sent"),
    path("deliveries/<int:pk>/skip/", deliveries.delivery_act, {"decision": "skip"}, name="delivery_skip"),
    path("members/<int:pk>/orders/", member_orders, name="member_orders"),
    path("groups/<int:pk>/posted/", deliveries.group_feed, name="group_feed"),
    path("groups/<int:pk>/sent/", deliveries.group_deliveries, name="group_deliveries"),
    path("groups/<int:pk>/channel/", channel.channel, name="group_channel"),
    path("groups/<int:pk>/channel/secret/", channel.channel_secret, name="group_channel_secret"),
    path("groups/<int:pk>/channel/enable/", channel.channel_enable, name="group_channel_enable"),
    path("groups/<int:pk>/channel/test/", channel.channel_test, name="group_channel_test"),
    path(
        "groups/<int:pk>/channel/test/<int:delivery_pk>/", channel.channel_test_state, name="group_channel_test_state"
    ),
    path("groups/<int:pk>/channel/renew/", channel.page_renew, name="group_page_renew"),
    path("groups/<int:pk>/channel/code.svg", channel.page_code, name="group_page_code"),
]
