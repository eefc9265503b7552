"""The first version of the text, which every installation starts with; administrators publish their own."""

from __future__ import annotations

FIRST_ZH = """我们是运营这个社群的团队。您在群里和这些页面上参与活动之前，请先读完这段话；同意与否由您决定。

我们保存什么
· 您在群里的名字、微信号（如果您告诉过我们），以及微信给出的识别号；
· 您做过什么：入群、签到、提问、回答、点赞、报名、领取红包和积分；
· 您自己写下的文字和上传的图片；
· 您登录过的设备的种类，例如“微信 · Android”。

用来做什么
· 让这些页面为您工作：显示您的签到、积分、提问和报名；
· 了解社群运转得怎样，做得更好；
· 仅在您没有选择“不接收营销信息”时，向您介绍课程和活动。
我们不出售您的信息，也不把它交给其他公司，除非法律要求。

保存多久
· 只要您在群里就保存；离开之后，按“数据保存期限”中的天数删除；
· 您随时可以自己删除全部信息，立即生效。

您的权利
· 在“我的数据”里查看、下载、更正、删除，或撤回这份同意，都不需要找人；
· 不同意或撤回同意，仍可阅读群页面，只是不能参与；
· 未满 14 周岁的孩子，请由家长阅读并同意。"""

FIRST_EN = """\
We are the team that runs this community. Please read this before you take part; it is up to you whether you agree.

What we keep
· Your name in the groups, your WeChat id if you told us, and the identifiers that WeChat gives us;
· What you did: joining, check-ins, questions, answers, likes, sign-ups, envelopes and points;
· The texts you write and the pictures you upload;
· The kinds of devices you signed in on, such as "WeChat · Android".

What for
· To make these pages work for you: your check-ins, points, questions and sign-ups;
· To understand how the community is doing, and to do better;
· To tell you about courses and activities, only while you have not chosen "no marketing".
We sell nothing about you and hand it to no other company, unless the law demands it.

How long
· As long as you are in a group; after that it goes as the retention periods say;
· You can delete everything yourself at any time; it works at once.

Your rights
· Under "My data" you look at it, download it, correct it, delete it or take this consent back, without asking anybody;
· Without your consent you can still read the page of the group; you only cannot take part;
· For children under 14, a parent reads and agrees."""
