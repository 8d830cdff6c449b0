"""`python -m thapsang.adapters.twins`: run the twins until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from thapsang.adapters.twins.mail import MailServer
from thapsang.adapters.twins.server import TwinServer, serve
from thapsang.adapters.twins.setting import Setting


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="thapsang twins", description="Sandbox twins of the providers.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument(
        "--mail-port", type=int, default=0, help="port for e-mails; by default 1,000 above the other"
    )
    parser.add_argument("--merchant", default="", help="the product's own address")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds before the first notification")
    parser.add_argument("--late", type=float, default=20.0, help="seconds a late notification takes")
    return parser.parse_args()


def main() -> None:
    """Listen until told to stop."""
    words = _words()
    setting = Setting.of_environment(
        os.environ,
        merchant=words.merchant,
        own=f"http://{words.host}:{words.port}",
        pause=words.pause,
        late=words.late,
    )
    try:
        server = serve(setting, host=words.host, port=words.port)
    except OSError as error:
        sys.exit(f"Port {words.port} cannot be used ({error.strerror}): choose another with --port.")
    mail = _mail(server, words.host, words.mail_port or words.port + 1_000)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=_stop, args=(server,)).start())
    sys.stdout.write(f"Twins on {setting.own}, calling back {setting.merchant}.{mail}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)


def _mail(server: TwinServer, host: str, port: int) -> str:
    """Take e-mails beside the rest; a port that is taken leaves only them out. Return what to tell."""
    try:
        mail = MailServer((host, port), server.mail)
    except (OSError, OverflowError) as error:
        return f" No e-mails: port {port} cannot be used ({error}); choose another with --mail-port."
    threading.Thread(target=mail.serve_forever, args=(0.1,), daemon=True).start()
    return f" E-mails on port {port}."


def _stop(server: TwinServer) -> None:
    server.shutdown()


if __name__ == "__main__":
    main()
