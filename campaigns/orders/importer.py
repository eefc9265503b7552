"""The importer of orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext_lazy

from accounts.models import User
from campaigns.orders.services import NewOrder, orders_record
from members.imports.importers import ImportField, Written, labels_of
from members.imports.values import read_amount, read_count, read_currency, read_instant, read_name, read_optional
from members.ingestion.reading import MAX_NAME, MESSAGES

SOURCE = "import:orders"


class OrderItem(NamedTuple):
    member: str
    ordered_at: datetime
    amount: Decimal
    currency: str
    order_id: str
    quantity: int | None
    product: str


class OrdersImporter:
    name = "orders"
    label = gettext_lazy("Orders")
    fields = (
        ImportField(
            "member",
            gettext_lazy("Member"),
            True,
            (
                "member id",
                "customer",
                "customer id",
                "user",
                "user id",
                "buyer",
                "buyer id",
                "成员",
                "成员 ID",
                "用户",
                "用户 ID",
                "客户",
                "客户 ID",
                "买家",
                "买家 ID",
            ),
        ),
        ImportField(
            "ordered_at",
            gettext_lazy("Time of the order"),
            True,
            (
                "order date",
                "order time",
                "paid at",
                "date",
                "time",
                "created at",
                "下单时间",
                "付款时间",
                "支付时间",
                "订单时间",
                "下单日期",
                "时间",
                "日期",
            ),
        ),
        ImportField(
            "amount",
            gettext_lazy("Amount"),
            True,
            ("total", "price", "order amount", "paid", "金额", "订单金额", "实付金额", "支付金额", "实付", "总价"),
        ),
        ImportField("currency", gettext_lazy("Currency"), False, ("currency code", "币种", "货币")),
        ImportField(
            "order_id", gettext_lazy("Order number"), False, ("order no", "order number", "order", "订单号", "订单编号")
        ),
        ImportField("quantity", gettext_lazy("Quantity"), False, ("qty", "count", "数量", "件数")),
        ImportField(
            "product",
            gettext_lazy("Product"),
            False,
            ("item", "sku", "product name", "商品", "商品名称", "产品", "课程"),
        ),
    )

    def reader(self, zone: tzinfo) -> Callable[[Sequence[str]], OrderItem]:
        called = labels_of(self.fields)

        def read(cells: Sequence[str]) -> OrderItem:
            member, ordered_at, amount, currency, order_id, quantity, product = cells
            currency = read_currency(currency)
            return OrderItem(
                read_name(member, called["member"], MAX_NAME),
                read_instant(ordered_at, called["ordered_at"], zone),
                read_amount(amount, called["amount"], currency),
                currency,
                read_optional(order_id, called["order_id"], 120),
                read_count(quantity, called["quantity"]),
                read_optional(product, called["product"], 200),
            )

        return read

    def identity(self, item: OrderItem) -> str:
        return "\n".join(str(part) for part in item)

    def write(self, items: Sequence[tuple[str, OrderItem]], *, by: User | None, now: datetime) -> Written:
        orders = [NewOrder(key, *item) for key, item in items]
        outcome = orders_record(orders=orders, source=SOURCE, by=by, now=now)
        return Written(
            outcome.accepted,
            outcome.duplicates,
            {rejection.index: str(MESSAGES[rejection.code]) for rejection in outcome.rejected},
        )
