"""The demo brand: 青禾课堂, after-school lessons for the parents of primary-school children in three cities.

Everything here is made up and is data, not interface: it stays Chinese in every language of the console.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

DAYS = 120  # the community opened this many days before today

Health = Literal["lively", "steady", "declining", "dead", "new", "forming", "archived"]

BRANCHES = (("hangzhou", "杭州校区"), ("chengdu", "成都校区"), ("wuhan", "武汉校区"))


@dataclass(frozen=True)
class Staff:
    username: str
    name: str
    role: str
    branch: str = ""


STAFF = (
    Staff("lin", "林静", "admin"),
    Staff("mei", "梅晓岚", "operator", "hangzhou"),
    Staff("bo", "柏文涛", "operator", "chengdu"),
    Staff("yun", "云舒", "operator", "wuhan"),
    Staff("ana", "安娜", "manager"),
)


@dataclass(frozen=True)
class Channel:
    """Where members come from: share of all joins, and how ready they are to buy and to stay (1 = average)."""

    code: str
    share: float
    intent: float
    loyalty: float


CHANNELS = (
    Channel("referral", 0.21, 1.75, 1.45),
    Channel("official-account", 0.24, 1.20, 1.15),
    Channel("school-gate", 0.13, 1.05, 1.05),
    Channel("video-channel", 0.19, 0.75, 0.85),
    Channel("search-ad", 0.08, 1.00, 0.80),
    Channel("feed-ad", 0.15, 0.35, 0.60),
)


@dataclass(frozen=True)
class Purpose:
    """A positioning that several groups share."""

    motivation: str
    community_type: str
    purpose: str
    pain_point: str
    usage_scene: str
    promise: str
    slogan: str
    internal_slogan: str
    check_in: bool
    intent: float  # how much more than average its members buy


READING = Purpose(
    "growth",
    "knowledge",
    "陪家长带孩子养成每天 20 分钟的阅读习惯，21 天看到变化。",
    "孩子不爱读书，家长不会选书，陪读坚持不过三天。",
    "每天早上领当日书单，晚上八点前后打卡，周日晚上老师点评。",
    "连续打卡 21 天，送一本老师签名的分级读物。",
    "每天 20 分钟，读出好语文",
    "先养习惯，再谈课程",
    True,
    1.15,
)
MATHS = Purpose(
    "growth",
    "knowledge",
    "每天一道思维题，帮孩子学会把题讲出来，而不是背答案。",
    "计算没问题，一遇到应用题就卡住，家长讲不明白。",
    "中午发题，晚上九点公布讲解视频，周六答疑。",
    "群里的问题当天有老师回复。",
    "会讲，才是真的会",
    "把每个提问都当成一次体验课",
    True,
    1.25,
)
ENGLISH = Purpose(
    "growth",
    "like_minded",
    "用绘本和儿歌做英语启蒙，让孩子敢开口。",
    "家长发音没底气，报班又怕孩子跟不上。",
    "早上磨耳朵音频，晚上跟读打卡，周三外教直播。",
    "每周一次外教点评跟读录音。",
    "敢开口，就成功了一半",
    "先让妈妈敢读",
    True,
    1.05,
)
FANS = Purpose(
    "fans",
    "mixed",
    "同城家长交流升学、亲子活动和学习资料的地方。",
    "消息太散，打听一件事要问五个群。",
    "每天上午一条本地教育资讯，周五发周末亲子活动。",
    "不发广告，资料随问随给。",
    "同城家长，少走弯路",
    "先帮忙，再介绍",
    False,
    0.7,
)
SERVICE = Purpose(
    "service",
    "product",
    "在读学员的班级服务群：课表、作业、学习报告都在这里。",
    "上课通知找不到，作业反馈不及时。",
    "课前一天提醒，课后当晚发作业，月底发学习报告。",
    "作业 24 小时内批改，问题 10 分钟内有人应。",
    "每一堂课都有回音",
    "续班从每一次批改开始",
    False,
    1.6,
)
SALES = Purpose(
    "sales",
    "product",
    "体验课学员的专属群，三节课带家长看懂孩子的问题在哪里。",
    "不知道孩子差在哪，怕报错班。",
    "课前测评、课中互动、课后一对一诊断。",
    "每位学员一份诊断报告。",
    "三节课，看见变化",
    "诊断做透，成交自然",
    False,
    1.9,
)
AGENTS = Purpose(
    "agents",
    "resource",
    "校区合作伙伴的素材库和经验交流群。",
    "一个人推广没素材、没方法。",
    "每天上午发当日素材，周一发战报，周四经验分享。",
    "当天的素材当天更新，有问题随时问。",
    "一起把好课带给更多孩子",
    "让伙伴先赚到第一笔",
    False,
    0.9,
)
MOTHERS = Purpose(
    "social",
    "like_minded",
    "妈妈们的读书会：每月共读一本书，互相打气。",
    "带娃很孤单，没有自己的时间和圈子。",
    "周二、周四晚上共读，月末线下茶会。",
    "只聊书和生活，不推课。",
    "先成为自己，再成为妈妈",
    "口碑从这里来",
    False,
    0.8,
)
STATION = Purpose(
    "brand",
    "project",
    "家长志愿者筹备周末公益讲座和校园活动。",
    "想为孩子做点事，却不知道从哪里开始。",
    "活动前两周排班，当天签到，次日复盘。",
    "每位志愿者都有证书和纪念品。",
    "多一份力，多一道光",
    "志愿者是最好的代言人",
    False,
    0.9,
)


@dataclass(frozen=True)
class GroupPlan:
    """A group of the demo. `opened` counts days since the community began; `size` is its share of all first joins."""

    name: str
    branch: str
    purpose: Purpose
    health: Health
    opened: int
    size: float


GROUPS = (
    GroupPlan("杭州·三年级阅读打卡 1 群", "hangzhou", READING, "lively", 0, 440),
    GroupPlan("杭州·三年级阅读打卡 2 群", "hangzhou", READING, "steady", 18, 300),
    GroupPlan("杭州·五年级思维训练营", "hangzhou", MATHS, "lively", 4, 290),
    GroupPlan("杭州·小升初数学交流群", "hangzhou", MATHS, "steady", 22, 210),
    GroupPlan("杭州·英语绘本共读", "hangzhou", ENGLISH, "declining", 9, 230),
    GroupPlan("杭州·自然拼读体验班", "hangzhou", SALES, "steady", 41, 130),
    GroupPlan("杭州·长期班服务群（三年级）", "hangzhou", SERVICE, "steady", 33, 96),
    GroupPlan("杭州·长期班服务群（五年级）", "hangzhou", SERVICE, "lively", 36, 84),
    GroupPlan("杭州·西湖区家长交流群", "hangzhou", FANS, "declining", 2, 330),
    GroupPlan("杭州·滨江区家长交流群", "hangzhou", FANS, "dead", 6, 180),
    GroupPlan("杭州·妈妈读书会", "hangzhou", MOTHERS, "steady", 28, 120),
    GroupPlan("杭州·周末公益讲座志愿者", "hangzhou", STATION, "declining", 47, 60),
    GroupPlan("杭州·一年级识字打卡", "hangzhou", READING, "new", 113, 150),
    GroupPlan("杭州·周末研学营咨询", "hangzhou", SALES, "forming", 118, 0),
    GroupPlan("成都·三年级阅读打卡", "chengdu", READING, "lively", 8, 330),
    GroupPlan("成都·四年级阅读打卡", "chengdu", READING, "steady", 30, 220),
    GroupPlan("成都·思维题每日一练", "chengdu", MATHS, "steady", 12, 260),
    GroupPlan("成都·奥数入门陪练", "chengdu", MATHS, "declining", 20, 150),
    GroupPlan("成都·英语启蒙跟读营", "chengdu", ENGLISH, "lively", 25, 240),
    GroupPlan("成都·外教体验课", "chengdu", SALES, "steady", 52, 140),
    GroupPlan("成都·长期班服务群", "chengdu", SERVICE, "steady", 44, 90),
    GroupPlan("成都·高新区家长圈", "chengdu", FANS, "steady", 15, 280),
    GroupPlan("成都·锦江区家长圈", "chengdu", FANS, "dead", 10, 160),
    GroupPlan("成都·亲子阅读妈妈团", "chengdu", MOTHERS, "declining", 38, 90),
    GroupPlan("成都·二年级口算打卡", "chengdu", MATHS, "new", 111, 110),
    GroupPlan("成都·家长课堂", "chengdu", STATION, "forming", 117, 0),
    GroupPlan("武汉·三年级阅读打卡", "wuhan", READING, "lively", 14, 260),
    GroupPlan("武汉·作文素材积累群", "wuhan", READING, "steady", 35, 170),
    GroupPlan("武汉·思维训练营", "wuhan", MATHS, "steady", 27, 190),
    GroupPlan("武汉·英语晨读打卡", "wuhan", ENGLISH, "steady", 40, 150),
    GroupPlan("武汉·体验课第 1 期", "wuhan", SALES, "archived", 16, 110),
    GroupPlan("武汉·体验课第 3 期", "wuhan", SALES, "lively", 88, 90),
    GroupPlan("武汉·在读学员服务群", "wuhan", SERVICE, "steady", 50, 72),
    GroupPlan("武汉·光谷家长互助群", "wuhan", FANS, "declining", 19, 210),
    GroupPlan("武汉·汉口家长互助群", "wuhan", FANS, "dead", 24, 130),
    GroupPlan("武汉·幼小衔接打卡", "wuhan", READING, "new", 115, 90),
    GroupPlan("武汉·中考家长预备群", "wuhan", FANS, "forming", 119, 0),
    GroupPlan("校区合作伙伴素材群", "", AGENTS, "steady", 21, 120),
    GroupPlan("青禾家长委员会", "", STATION, "declining", 5, 70),
    GroupPlan("青禾早期体验官", "", MOTHERS, "dead", 0, 60),
)


@dataclass(frozen=True)
class Product:
    name: str
    amount: Decimal
    share: float
    again: bool  # whether it is bought as a follow-up rather than as a first order


PRODUCTS = (
    Product("21 天阅读训练营", Decimal("399.00"), 0.38, False),
    Product("自然拼读入门课", Decimal("599.00"), 0.22, False),
    Product("数学思维长期班", Decimal("1980.00"), 0.28, False),
    Product("一对一学习诊断", Decimal("199.00"), 0.12, False),
    Product("数学思维进阶班", Decimal("2280.00"), 0.45, True),
    Product("阅读写作年卡", Decimal("3680.00"), 0.25, True),
    Product("分级读物套装", Decimal("268.00"), 0.30, True),
)


@dataclass(frozen=True)
class PostPlan:
    """A fixed-time post: the rule, the local time of day, and the positionings whose groups it goes to."""

    title: str
    body: str
    rrule: str
    time: str
    purposes: tuple[Purpose, ...]
    branch: str  # empty: every branch
    author: str


POSTS = (
    PostPlan(
        "早安·今日书单",
        "早上好！今天的共读书目已经放在群文件里，大约 20 分钟。\n"
        "读完请把孩子最喜欢的一句话发到群里，晚上八点老师来点评。",
        "FREQ=DAILY",
        "07:00",
        (READING,),
        "",
        "lin",
    ),
    PostPlan(
        "每日一题",
        "今天的思维题来了，先让孩子自己画图讲一遍，再看讲解。\n晚上九点公布讲解视频。",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        "12:00",
        (MATHS,),
        "",
        "lin",
    ),
    PostPlan(
        "晚间打卡提醒",
        "还没打卡的家长抓紧啦，21:30 截止。\n坚持 21 天，送老师签名读物一本。",
        "FREQ=DAILY",
        "20:30",
        (READING, ENGLISH),
        "hangzhou",
        "mei",
    ),
    PostPlan(
        "磨耳朵音频",
        "今天的英语儿歌已更新，吃早饭时放一遍就好，不用逐句翻译。",
        "FREQ=WEEKLY;BYDAY=MO,WE,FR",
        "06:30",
        (ENGLISH,),
        "",
        "lin",
    ),
    PostPlan(
        "周末亲子活动预告",
        "本周末的公益讲座和亲子阅读会开始报名，名额有限，回复“报名”即可。",
        "FREQ=WEEKLY;BYDAY=FR",
        "18:00",
        (FANS, MOTHERS),
        "",
        "lin",
    ),
    PostPlan(
        "外教直播提醒",
        "今晚 19:30 外教直播，主题是“我的一天”。提前把绘本打印好，效果更好。",
        "FREQ=WEEKLY;BYDAY=WE",
        "17:00",
        (ENGLISH,),
        "chengdu",
        "bo",
    ),
    PostPlan(
        "本周作业与学习报告",
        "本周作业已批改完毕，学习报告请到小程序查看。有疑问直接在群里提，十分钟内有老师回复。",
        "FREQ=WEEKLY;BYDAY=SU",
        "20:00",
        (SERVICE,),
        "",
        "lin",
    ),
    PostPlan(
        "合作伙伴战报",
        "上周战报和本周素材已更新，请各校区伙伴查收。",
        "FREQ=WEEKLY;BYDAY=MO",
        "09:00",
        (AGENTS,),
        "",
        "lin",
    ),
    PostPlan(
        "作文素材·每日一段",
        "今天的素材：写景。请孩子仿写三句，明天课上分享。",
        "FREQ=WEEKLY;BYDAY=TU,TH,SA",
        "19:00",
        (READING,),
        "wuhan",
        "yun",
    ),
)


@dataclass(frozen=True)
class Notice:
    """A post for one time: `days` from today, at a local time. `asks`: its time was missed and a person decides."""

    title: str
    body: str
    days: int
    time: str
    purposes: tuple[Purpose, ...]
    branch: str
    author: str
    asks: bool = False
    paused: bool = False


NOTICES = (
    Notice(
        "家长讲座：三年级阅读分水岭",
        "上周讲座的回放和讲义已整理好，错过的家长可以在群文件里领取。",
        -6,
        "10:00",
        (READING, FANS),
        "",
        "lin",
    ),
    Notice(
        "临时调课通知",
        "因校区停电，昨天下午的课顺延到本周六同一时间，给大家添麻烦了。",
        -1,
        "15:00",
        (SERVICE,),
        "hangzhou",
        "mei",
        asks=True,
    ),
    Notice(
        "体验课开放预约",
        "本周三节体验课开放预约，每班 12 人，课后赠送一份学习诊断报告。",
        1,
        "10:00",
        (SALES, FANS),
        "",
        "lin",
    ),
    Notice(
        "期末复习资料包",
        "老师整理的期末复习资料包明天发放，语文、数学、英语各一份，可直接打印。",
        2,
        "09:00",
        (READING, MATHS, ENGLISH),
        "chengdu",
        "bo",
    ),
    Notice(
        "寒假营早鸟优惠",
        "寒假营早鸟价本周截止，在读学员可再减 100 元。",
        5,
        "18:30",
        (SERVICE, SALES),
        "wuhan",
        "yun",
        paused=True,
    ),
)


def _words(text: str) -> list[str]:
    return text.split()


SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余于杜叶程苏魏吕丁"
    "任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严"
)
GIVEN = _words(
    "子涵 雨桐 梓萱 浩然 一诺 欣怡 宇轩 诗涵 梓涵 思远 佳怡 俊杰 若曦 雨泽 可馨 明轩 语桐 子墨 依诺 昊天 沐宸 亦辰 "
    "诗琪 嘉懿 铭泽 梦瑶 天佑 雅琪 皓轩 书瑶 乐瑶 博文 心怡 嘉豪 静怡 思琪 文博 芷若 子轩 雨欣 晨曦 煜城 悦然 景行 "
    "知夏 清越 安然 予安 星辰 念初 云帆 南希 听雨 望舒 小满 立夏 米粒 豆豆 果果 糖糖 乐乐 团团 圆圆 多多"
)
ADULT_GIVEN = _words(
    "敏 静 丽 强 磊 军 洋 艳 勇 杰 娟 涛 明 超 霞 平 刚 桂英 秀兰 建华 志强 海燕 晓燕 文静 丽娜 春梅 雪梅 国庆 "
    "建国 红梅 婷婷 晓东 立新 雅芳 玉兰 俊峰 海涛 美玲 淑芬 佩珊 思敏 晓雯 慧敏 佳慧 立群 小红 晓明 卫东"
)
NICKNAMES = _words(
    "向日葵 慢慢来 一米阳光 清风 云淡风轻 小太阳 安静的鱼 橙子 半夏 时光 微笑 海阔天空 阿宝 木木 七月 知足常乐 "
    "静水流深 桃子妈 牛牛爸 跳跳妈 小鱼儿 麦田 南风 豆包妈 花开半夏 大白 星语 暖阳 西瓜妈 毛豆爸"
)
