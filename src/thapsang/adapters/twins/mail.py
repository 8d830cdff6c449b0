"""The mail server's twin: takes e-mails over SMTP (RFC 5321), shows them, delivers nothing.

An address that begins with `khong-co` is refused for good, one that begins with `ban` only the first time. A mail whose
Message-ID it has seen is taken again and shown once, as a real mailbox does; the repeats are counted.
"""

from __future__ import annotations

import socketserver
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from zoneinfo import ZoneInfo

_KEPT = 2_000
_LARGEST = 30_000_000
_LINE = 4_096


@dataclass(frozen=True)
class TakenMail:
    """One mail taken; attachments by name and size."""

    message_id: str
    to: str
    sender: str
    subject: str
    text: str
    attachments: tuple[tuple[str, int], ...]
    at: str


class MailBox:
    """The last two thousand mails by Message-ID, and how often each was delivered."""

    def __init__(self) -> None:
        self.down = False
        self.deliveries = Counter[str]()
        self._mails: dict[str, TakenMail] = {}
        self._contents: dict[str, bytes] = {}
        self._busy = Counter[str]()
        self._lock = threading.Lock()

    def refusal(self, address: str) -> tuple[int, str] | None:
        """Return what the server says to a receiver it does not take."""
        if address.startswith("khong-co"):
            return 550, "5.1.1 no such user here"
        with self._lock:
            self._busy[address] += 1
            if address.startswith("ban") and self._busy[address] == 1:
                return 451, "4.2.1 mailbox busy, try later"
        return None

    def take(self, sender: str, to: str, content: bytes) -> None:
        """Keep one mail."""
        read = message_from_bytes(content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        body = read.get_body(("plain",))
        attached = tuple(
            (part.get_filename() or "", len(part.get_payload(decode=True) or b"")) for part in read.iter_attachments()
        )  # fmt: skip
        number = str(read["Message-ID"] or f"<{len(self._mails)}@none>")
        now = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).strftime("%d/%m/%Y %H:%M:%S")
        mail = TakenMail(
            number, to, sender, str(read["Subject"]), body.get_content() if body else "", attached, now
        )
        with self._lock:
            self.deliveries[number] += 1
            self._mails[number], self._contents[number] = mail, content
            while len(self._mails) > _KEPT:
                oldest = next(iter(self._mails))
                del self._mails[oldest], self._contents[oldest]

    def mails(self, to: str = "") -> list[TakenMail]:
        """Return mails, to one address or to all, the newest first."""
        with self._lock:
            return [mail for mail in reversed(self._mails.values()) if not to or mail.to == to]

    def content(self, message_id: str) -> bytes:
        """Return a mail as it came; nothing for an unknown one."""
        return self._contents.get(message_id, b"")


class MailServer(socketserver.ThreadingTCPServer):
    """The SMTP port."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], box: MailBox) -> None:
        super().__init__(address, _Session)
        self.box = box


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._sender, self._to = "", list[str]()
        if self.server.box.down:
            return self._say(421, "4.3.0 down for now")
        self._say(220, "twins ready")
        while line := self.rfile.readline(_LINE):
            words = line.decode(errors="replace").strip()
            command = words[:4].upper()
            if command == "QUIT":
                return self._say(221, "bye")
            try:
                self._answer(command, words)
            except (ConnectionError, ValueError):
                return None
        return None

    def _answer(self, command: str, words: str) -> None:
        if command in {"EHLO", "HELO"}:
            self.wfile.write(b"250-twins\r\n250-8BITMIME\r\n250 SIZE %d\r\n" % _LARGEST)
        elif command == "MAIL":
            self._sender, self._to = _address(words), []
            self._say(250, "2.1.0 ok")
        elif command == "RCPT":
            self._receiver(_address(words))
        elif command == "DATA":
            self._data()
        elif command in {"NOOP", "RSET"}:
            self._say(250, "2.0.0 ok")
        else:
            self._say(502, "5.5.1 not known here")

    def _receiver(self, address: str) -> None:
        if refusal := self.server.box.refusal(address):
            return self._say(*refusal)
        self._to.append(address)
        return self._say(250, "2.1.5 ok")

    def _data(self) -> None:
        if not self._to:
            return self._say(503, "5.5.1 no receiver")
        self._say(354, "go on")
        lines, size = list[bytes](), 0
        while (line := self.rfile.readline(1 << 16)) != b".\r\n":
            size += len(line)
            if not line or size > _LARGEST:
                raise ConnectionError("the mail broke off, or is too large")
            lines.append(line[1:] if line.startswith(b"..") else line)
        for to in self._to:
            self.server.box.take(self._sender, to, b"".join(lines))
        return self._say(250, "2.0.0 taken")

    def _say(self, code: int, words: str) -> None:
        self.wfile.write(f"{code} {words}\r\n".encode())


def _address(words: str) -> str:
    return words.partition("<")[2].partition(">")[0]
