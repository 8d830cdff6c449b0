"""The tax authority's side of handing over invoices: verify them, give codes, or be difficult about it."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from thapsang.engines.einvoice import EInvoiceError, verify
from thapsang.engines.einvoice.tree import Node, read
from thapsang.engines.einvoice.verifying import invoices_in

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
BEHAVIOURS = {
    "normal": "Nhận và cấp mã",
    "silent": "Không trả lời",
    "late": "Trả lời muộn (từ lần hỏi thứ ba)",
    "forgetful": "Quên thông điệp đã nhận",
    "down": "Ngừng phục vụ (503)",
    "deaf": "Nhận rồi đứt kết nối",
    "twice": "Lần sau trả lời khác lần trước",
    "refusing": "Từ chối cả thông điệp",
}
LARGEST = 16 * 1024 * 1024
_LATE = 3


@dataclass
class Sent:
    """A message as it came first, what was decided about it, how often it came and was asked about."""

    code: str
    sha256: str
    received_on: date
    decisions: dict[tuple[str, str, str], tuple[str, str]]
    """(form, series, number) → (code, reason)."""
    deliveries: int = 1
    questions: int = 0


@dataclass
class TaxOffice:
    """All messages by code, all invoices by key; `behaviour` holds for what comes next."""

    behaviour: str = "normal"
    reject: set[str] = field(default_factory=set)
    """Numbers of invoices to be rejected."""
    messages: dict[str, Sent] = field(default_factory=dict)
    invoices: dict[str, str] = field(default_factory=dict)
    """Invoice key → code of the message that brought it first."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def receive(self, body: bytes) -> tuple[int, str]:
        """Take a message in; return HTTP status and words. The same message again is the same."""
        if self.behaviour == "down":
            return 503, "down"
        try:
            root = read(body, largest=LARGEST)
        except EInvoiceError as error:
            return 422, str(error)
        code = root.value("TTChung/MTDiep")
        if root.local != "TDiep" or not code:
            return 422, "no TDiep with MTDiep"
        if self.behaviour == "refusing":
            return 422, "MLTDiep is not taken today"
        with self.lock:
            return self._keep(code, body, root)

    def _keep(self, code: str, body: bytes, root: Node) -> tuple[int, str]:
        digest = hashlib.sha256(body).hexdigest()
        known = self.messages.get(code)
        if known:
            known.deliveries += 1
            return (
                (200, "known") if known.sha256 == digest else (409, "another content under the same MTDiep")
            )
        hdons, verdicts = invoices_in(root), verify(body, largest=LARGEST)
        if str(len(hdons)) != root.value("TTChung/SLuong"):
            return 422, "SLuong is not the number of invoices"
        decisions = {}
        for hdon, verdict in zip(hdons, verdicts, strict=True):
            names = _names(hdon)
            key = f"{hdon.value('DLHDon/NDHDon/NBan/MST')}|{'|'.join(names)}"
            decisions[names] = self._decide(code, key, names, genuine=verdict.genuine)
        self.messages[code] = Sent(code, digest, datetime.now(_VIETNAM).date(), decisions)
        return 202, "received"

    def _decide(self, code: str, key: str, names: tuple[str, str, str], *, genuine: bool) -> tuple[str, str]:
        if not genuine:
            return "", "20001 Chữ ký số của người bán không hợp lệ"
        if self.invoices.setdefault(key, code) != code:
            return "", "20002 Số hóa đơn đã được gửi trong thông điệp khác"
        if names[2] in self.reject:
            return "", "20003 Mã số thuế người mua không tồn tại"
        return hashlib.sha256(key.encode()).hexdigest()[:34].upper(), ""

    def answer(self, code: str) -> tuple[int, bytes]:
        """Return HTTP status and the answer to a message."""
        if self.behaviour == "down":
            return 503, b""
        with self.lock:
            if self.behaviour == "forgetful":
                self.messages.pop(code, None)
                self.invoices = {key: first for key, first in self.invoices.items() if first != code}
                self.behaviour = "normal"
            sent = self.messages.get(code)
            if sent is None:
                return 404, b""
            sent.questions += 1
            if self.behaviour == "silent" or (self.behaviour == "late" and sent.questions < _LATE):
                return 204, b""
            return 200, _answer(sent, contrary=self.behaviour == "twice" and sent.questions > 1)

    def day(self, day: str) -> dict[str, str]:
        """Return the invoices received on a day, and what was decided about each."""
        return {
            f"{form}{series}-{number}": "waiting" if self.behaviour == "silent"
            else "accepted" if decision[0] else "rejected"
            for sent in self.messages.values() if sent.received_on.isoformat() == day
            for (form, series, number), decision in sent.decisions.items()
        }  # fmt: skip

    def behave(self, fields: dict[str, str]) -> bool:
        """Change the behaviour, or which numbers are rejected (comma between); False for an unknown one."""
        behaviour = fields.get("behaviour", self.behaviour)
        if behaviour not in BEHAVIOURS:
            return False
        self.behaviour = behaviour
        if "reject" in fields:
            self.reject = {number for number in fields["reject"].split(",") if number}
        return True

    def state(self) -> list[dict[str, object]]:
        """Return what is known of each message."""
        return [
            {
                "code": s.code,
                "invoices": len(s.decisions),
                "deliveries": s.deliveries,
                "questions": s.questions,
            }
            for s in self.messages.values()
        ]


def _names(hdon: Node) -> tuple[str, str, str]:
    heading = "DLHDon/TTChung/"
    number = hdon.value(f"{heading}SHDon").lstrip("0")
    return hdon.value(f"{heading}KHMSHDon"), hdon.value(f"{heading}KHHDon"), number


def _answer(sent: Sent, *, contrary: bool) -> bytes:
    results = []
    for (form, series, number), (code, reason) in sent.decisions.items():
        given, why = (
            (code, reason) if not contrary else ("" if code else "0" * 34, "" if reason else "29999 Đổi ý")
        )
        first, _, rest = why.partition(" ")
        verdict = f"<MCCQT>{given}</MCCQT>" if given else f"<LDo><MLoi>{first}</MLoi><MTa>{rest}</MTa></LDo>"
        results.append(
            f"<KQua><KHMSHDon>{form}</KHMSHDon><KHHDon>{series}</KHHDon><SHDon>{number}</SHDon>{verdict}</KQua>"
        )
    heading = f"<PBan>2.1.0</PBan><MLTDiep>202</MLTDiep><MTDTChieu>{sent.code}</MTDTChieu>"
    return f"<TDiep><TTChung>{heading}</TTChung><DLieu>{''.join(results)}</DLieu></TDiep>".encode()
