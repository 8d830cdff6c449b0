"""The HTTP server of the twins: routes only."""

from __future__ import annotations

import hmac
import json
import socket
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from thapsang.adapters.twins import pages
from thapsang.adapters.twins.bank import Bank, TransferError
from thapsang.adapters.twins.gateway import Gateway, RefusedOrderError
from thapsang.adapters.twins.inbox import Inbox
from thapsang.adapters.twins.mail import MailBox
from thapsang.adapters.twins.setting import Setting
from thapsang.adapters.twins.tax import LARGEST as LARGEST_MESSAGE
from thapsang.adapters.twins.tax import TaxOffice

_STYLE = (Path(__file__).parent / "twins.css").read_bytes()
_LARGEST = 100_000


class TwinServer(ThreadingHTTPServer):
    """The server with what the twins know."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], setting: Setting) -> None:
        super().__init__(address, _Handler)
        self.setting = setting
        self.gateway, self.inbox, self.bank = Gateway(setting), Inbox(), Bank(setting)
        self.tax = TaxOffice()
        self.mail = MailBox()


def serve(setting: Setting, *, host: str, port: int) -> TwinServer:
    """Bind the port; call `serve_forever()` on the result. Raises OSError when the port is taken."""
    return TwinServer((host, port), setting)


class _Handler(BaseHTTPRequestHandler):
    server: TwinServer
    protocol_version = "HTTP/1.1"
    server_version = "twins"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/tax/"):
            return self._tax_get(parts.path)
        route = _GET.get(parts.path)
        if route is None:
            return self._page(pages.refusal("Không có trang này."), HTTPStatus.NOT_FOUND)
        return route(self, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if size > (LARGEST_MESSAGE if self.path == "/tax/messages" else _LARGEST):
            self.close_connection = True
            return self._json({"error": "too large"}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = self.rfile.read(size)
        if self.path == "/tax/messages":
            return self._tax_message(body)
        route = _POST.get(urlsplit(self.path).path)
        if route is None:
            return self._page(pages.refusal("Không có trang này."), HTTPStatus.NOT_FOUND)
        try:
            return route(self, self._fields(body))
        except ValueError:
            return self._json({"error": "malformed body"}, HTTPStatus.BAD_REQUEST)

    def _fields(self, body: bytes) -> dict[str, str]:
        if "json" in self.headers.get("Content-Type", ""):
            return {str(name): str(value) for name, value in json.loads(body).items()}
        return dict(parse_qsl(body.decode()))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: queries carry what people pay."""

    # ---- the gateway

    def _pay(self, query: dict[str, str]) -> None:
        try:
            order = self.server.gateway.take(query, query.get("behaviour", "normal"))
        except RefusedOrderError as error:
            return self._page(pages.refusal(str(error), "Cổng thanh toán"), HTTPStatus.BAD_REQUEST)
        return self._page(pages.order(order), form_action=self.server.gateway.return_origin(order))

    def _decide(self, form: dict[str, str]) -> None:
        pay = form.get("decision") == "pay"
        try:
            target = self.server.gateway.decide(
                form.get("reference", ""), pay=pay, behaviour=form.get("behaviour", "")
            )
        except RefusedOrderError as error:
            return self._page(pages.refusal(str(error), "Cổng thanh toán"), HTTPStatus.CONFLICT)
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        return self.end_headers()

    def _orders(self, query: dict[str, str]) -> None:
        wanted = query.get("reference", "")
        found = [
            {"reference": o.reference, "amount": o.amount, "code": o.code, "notifications": o.notifications}
            for o in self.server.gateway.orders.values()
            if not wanted or o.reference == wanted
        ]
        return self._json(found)

    # ---- short messages

    def _take_message(self, fields: dict[str, str]) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(token.encode(), self.server.setting.sms_token.encode()):
            return self._json({"error": "wrong token"}, HTTPStatus.UNAUTHORIZED)
        if not fields.get("to") or not fields.get("text"):
            return self._json({"error": "to and text are needed"}, HTTPStatus.BAD_REQUEST)
        return self._json({"id": self.server.inbox.take(fields["to"], fields["text"]).id}, HTTPStatus.CREATED)

    def _messages(self, query: dict[str, str]) -> None:
        return self._json([asdict(m) for m in self.server.inbox.messages(query.get("to", ""))])

    def _inbox(self, query: dict[str, str]) -> None:
        return self._page(pages.inbox(self.server.inbox.messages(query.get("to", ""))))

    # ---- e-mails

    def _mails(self, query: dict[str, str]) -> None:
        box = self.server.mail
        found = [
            asdict(m) | {"deliveries": box.deliveries[m.message_id]} for m in box.mails(query.get("to", ""))
        ]
        return self._json(found)

    def _mailbox(self, query: dict[str, str]) -> None:
        return self._page(pages.mailbox(self.server.mail.mails(query.get("to", ""))))

    def _mail_file(self, query: dict[str, str]) -> None:
        return self._answer(
            self.server.mail.content(query.get("id", "")), "message/rfc822", HTTPStatus.OK, "'none'"
        )

    def _mail_behaviour(self, fields: dict[str, str]) -> None:
        self.server.mail.down = fields.get("behaviour") == "down"
        return self._json({"down": self.server.mail.down})

    # ---- the tax authority

    def _tax_message(self, body: bytes) -> None:
        if not self._tax_client():
            return self._json({"error": "wrong token"}, HTTPStatus.UNAUTHORIZED)
        status, words = self.server.tax.receive(body)
        if self.server.tax.behaviour == "deaf":
            self.close_connection = True  # the message is taken, the answer lost
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self._json({"said": words}, HTTPStatus(status))

    def _tax_get(self, path: str) -> None:
        if path == "/tax/state.json":
            return self._json(self.server.tax.state())
        if not self._tax_client():
            return self._json({"error": "wrong token"}, HTTPStatus.UNAUTHORIZED)
        if path.startswith("/tax/days/"):
            status = 503 if self.server.tax.behaviour == "down" else 200
            return self._json(self.server.tax.day(path.rpartition("/")[2]), HTTPStatus(status))
        status, answer = self.server.tax.answer(path.removeprefix("/tax/messages/").removesuffix("/answer"))
        return self._answer(answer, "application/xml; charset=utf-8", HTTPStatus(status), "'none'")

    def _tax_client(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(token.encode(), self.server.setting.tax_token.encode())

    def _tax_behaviour(self, fields: dict[str, str]) -> None:
        if self.server.tax.behave(fields):
            return self._json({"behaviour": self.server.tax.behaviour})
        return self._json({"error": "no such behaviour"}, HTTPStatus.BAD_REQUEST)

    # ---- the bank

    def _bank(self, query: dict[str, str]) -> None:
        return self._page(pages.bank(query.get("payload", "")))

    def _transfer(self, form: dict[str, str]) -> None:
        as_json = "json" in self.headers.get("Accept", "") or "json" in self.headers.get("Content-Type", "")
        try:
            done = self.server.bank.transfer(
                form.get("payload", ""), form.get("amount", ""), form.get("key", "")
            )
        except TransferError as error:
            if as_json:
                return self._json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
            return self._page(pages.refusal(str(error), "Ngân hàng mô phỏng"), HTTPStatus.BAD_REQUEST)
        if as_json:
            return self._json({"status": done.status, "answer": done.answer})
        return self._page(pages.transferred(done))

    # ---- answers

    def _start(self, query: dict[str, str]) -> None:
        return self._page(pages.start())

    def _style(self, query: dict[str, str]) -> None:
        return self._answer(_STYLE, "text/css; charset=utf-8", HTTPStatus.OK, "'none'")

    def _page(self, html: str, status: HTTPStatus = HTTPStatus.OK, form_action: str = "") -> None:
        self._answer(html.encode(), "text/html; charset=utf-8", status, f"'self' {form_action}".strip())

    def _json(self, content: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        self._answer(body, "application/json; charset=utf-8", status, "'none'")

    def _answer(self, body: bytes, kind: str, status: HTTPStatus, form_action: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action "
        self.send_header("Content-Security-Policy", policy + form_action)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


_Route = Callable[[_Handler, dict[str, str]], None]
_GET: dict[str, _Route] = {
    "/": _Handler._start,
    "/twins.css": _Handler._style,
    "/vnpay/pay": _Handler._pay,
    "/vnpay/orders.json": _Handler._orders,
    "/sms/inbox": _Handler._inbox,
    "/sms/messages.json": _Handler._messages,
    "/mail/inbox": _Handler._mailbox,
    "/mail/messages.json": _Handler._mails,
    "/mail/file": _Handler._mail_file,
    "/vietqr": _Handler._bank,
}
_POST: dict[str, _Route] = {
    "/vnpay/decide": _Handler._decide,
    "/sms": _Handler._take_message,
    "/tax/behaviour": _Handler._tax_behaviour,
    "/mail/behaviour": _Handler._mail_behaviour,
    "/vietqr/transfer": _Handler._transfer,
}
