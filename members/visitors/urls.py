from __future__ import annotations

from django.urls import path

from members.visitors.views import console, data, member, wechat

urlpatterns = [
    path("groups/<int:pk>/links/", console.group_links, name="group_links"),
    path("groups/<int:pk>/links/make/", console.group_links_make, name="group_links_make"),
    path("groups/<int:pk>/links/end/", console.group_links_end, name="group_links_end"),
    path("groups/<int:pk>/links/sign-out/", console.group_links_sign_out, name="group_links_sign_out"),
    path("groups/<int:pk>/links/sheet/", console.group_links_sheet, name="group_links_sheet"),
    path("members/<int:pk>/links/", console.member_links, name="member_links"),
    path("members/<int:pk>/links/make/", console.member_link_make, name="member_link_make"),
    path("members/<int:pk>/links/<int:link_pk>/", console.member_link, name="member_link"),
    path("members/<int:pk>/links/<int:link_pk>/end/", console.member_link_end, name="member_link_end"),
    path("members/<int:pk>/devices/sign-out/", console.member_sign_out, name="member_sign_out"),
]
# Pages of members, in their namespace.
member_urlpatterns = [
    path("m/i/<slug:code>/", member.link, name="link"),
    path("m/wechat/", wechat.start, name="wechat"),
    path("m/wechat/back/", wechat.back, name="wechat_back"),
    path("m/a/<slug:token>/device/", member.application_device, name="application_device"),
    path("m/me/", member.me, name="me"),
    path("m/me/data/", data.data, name="data"),
    path("m/me/data/marketing/", data.marketing, name="data_marketing"),
    path("m/me/data/devices/", data.devices, name="data_devices"),
    path("m/me/data/held/", data.held, name="data_held"),
    path("m/me/data/copy/", data.copy, name="data_copy"),
    path("m/me/data/copy/<int:pk>/", data.copy_file, name="data_copy_file"),
    path("m/me/data/erase/", data.erase, name="data_erase"),
    path("m/me/sign-out/", member.leave_device, name="sign_out"),
]
