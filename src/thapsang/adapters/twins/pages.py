"""The twins' pages: plain HTML, no script, one stylesheet of their own."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from thapsang.adapters.twins.bank import Transferred
from thapsang.adapters.twins.gateway import BEHAVIOURS, Order
from thapsang.adapters.twins.inbox import ShortMessage
from thapsang.adapters.twins.mail import TakenMail


def dong(amount: int) -> str:
    """Write an amount as Vietnamese readers expect."""
    return f"{amount:,}".replace(",", ".") + " đ"


def page(title: str, body: str, *, refresh: int = 0) -> str:
    """Return a whole page."""
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        f'<!doctype html><html lang="vi"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/twins.css"></head><body>'
        '<p class="sandbox">Bản mô phỏng · không có tiền thật</p>'
        f"<main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def order(found: Order) -> str:
    """Ask the payer to pay or cancel."""
    chosen = "".join(
        f'<option value="{name}"{" selected" if name == found.behaviour else ""}>{escape(label)}</option>'
        for name, label in BEHAVIOURS.items()
    )
    body = (
        f'<p class="amount">{dong(found.amount)}</p>'
        f"<dl><dt>Nội dung</dt><dd>{escape(found.params.get('vnp_OrderInfo', ''))}</dd>"
        f"<dt>Mã đơn hàng</dt><dd>{escape(found.reference)}</dd><dt>Phí</dt><dd>0 đ</dd></dl>"
        '<form method="post" action="/vnpay/decide">'
        f'<input type="hidden" name="reference" value="{escape(found.reference)}">'
        '<button name="decision" value="pay" class="primary">Thanh toán</button>'
        '<button name="decision" value="cancel">Hủy</button>'
        f'<details><summary>Tình huống thử</summary><label for="behaviour">Thông báo cho bên nhận</label>'
        f'<select id="behaviour" name="behaviour">{chosen}</select></details></form>'
    )
    return page("Cổng thanh toán", body)


def refusal(text: str, title: str = "Không thực hiện được") -> str:
    """Say why something is refused."""
    return page(title, f'<p class="problem">{escape(text)}</p><p><a href="/">Về trang đầu</a></p>')


def inbox(messages: Iterable[ShortMessage]) -> str:
    """Show the short messages; the page renews itself."""
    items = "".join(
        f"<li><p><b>{escape(m.to)}</b> <small>{escape(m.at)}</small></p><p>{escape(m.text)}</p></li>"
        for m in messages
    )
    return page(
        "Tin nhắn đã gửi", f"<ol>{items}</ol>" if items else "<p>Chưa có tin nhắn nào.</p>", refresh=3
    )


def _mail(mail: TakenMail) -> str:
    files = ", ".join(f"{name} ({size:,} byte)" for name, size in mail.attachments)
    return (
        f"<li><p><b>{escape(mail.to)}</b> <small>{escape(mail.at)}</small></p><p><b>{escape(mail.subject)}</b></p>"
        f"<p>{escape(mail.text)}</p><p><small>{escape(files)}</small> "
        f'<a href="/mail/file?id={quote(mail.message_id)}">.eml</a></p></li>'
    )


def mailbox(mails: Iterable[TakenMail]) -> str:
    """Show the e-mails with what is attached; the page renews itself."""
    items = "".join([_mail(mail) for mail in mails])
    return page("Thư điện tử đã gửi", f"<ol>{items}</ol>" if items else "<p>Chưa có thư nào.</p>", refresh=5)


def bank(payload: str = "") -> str:
    """Ask for a code to pay."""
    body = (
        "<p>Dán nội dung mã VietQR (hoặc quét mã rồi chép ra), ngân hàng mô phỏng sẽ chuyển tiền.</p>"
        '<form method="post" action="/vietqr/transfer"><label for="payload">Nội dung mã QR</label>'
        f'<textarea id="payload" name="payload" rows="5" required>{escape(payload)}</textarea>'
        '<label for="amount">Số tiền khác (để trống: như trong mã)</label>'
        '<input id="amount" name="amount" inputmode="numeric">'
        '<button class="primary">Chuyển tiền</button></form>'
    )
    return page("Ngân hàng mô phỏng", body)


def transferred(done: Transferred) -> str:
    """Show what the merchant said."""
    if done.status >= 300:
        return refusal(
            f"Bên nhận từ chối ({done.status}): {done.answer.get('code', '')} {done.answer.get('detail', '')}"
        )
    body = (
        f'<p class="amount">{dong(done.amount)}</p><p class="good">Đã chuyển.</p><dl><dt>Biên nhận</dt>'
        f"<dd>{escape(str(done.answer.get('receipt', '')))}</dd><dt>Mã thanh toán</dt>"
        f"<dd>{escape(done.transfer.bill)}</dd></dl>"
    )
    return page("Chuyển tiền", body)


def start() -> str:
    """List what there is."""
    body = (
        '<ul><li><a href="/sms/inbox">Tin nhắn đã gửi</a></li>'
        '<li><a href="/mail/inbox">Thư điện tử đã gửi</a></li>'
        '<li><a href="/vietqr">Ngân hàng: chuyển tiền theo mã QR</a></li>'
        '<li><a href="/vnpay/orders.json">Cổng thanh toán: các giao dịch (JSON)</a></li></ul>'
    )
    return page("Các hệ thống mô phỏng", body)
