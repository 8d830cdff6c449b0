"""Codes of ours in the hands of somebody else's decoder (npm `vietnam-qr-pay`)."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from thapsang.engines.qr import Transfer, encode

NODE = Path(__file__).parent / "node"
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").exists(),
    reason="node or tests/contract/node/node_modules is missing: `npm ci` there (tools/test.sh does)",
)


def decoded(texts: list[str]) -> list[dict[str, object]]:
    done = subprocess.run(
        ["node", "decode.js"], cwd=NODE, input="\n".join(texts), capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_hundred_codes_say_the_same_to_another_decoder() -> None:
    pick = random.Random(20261123)
    wanted = [
        Transfer(
            bank=pick.choice(["970499", "970436", "970422"]),
            account="".join(pick.choices("0123456789", k=pick.randint(6, 19))),
            amount=pick.randint(1, 50_000_000),
            bill="TS" + "".join(pick.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=10)),
            purpose="TT tien dien",
        )
        for _ in range(100)
    ]
    for transfer, seen in zip(wanted, decoded([encode(t) for t in wanted]), strict=True):
        assert seen["valid"] is True
        assert (seen["bank"], seen["account"]) == (transfer.bank, transfer.account)
        assert (int(str(seen["amount"])), seen["bill"], seen["purpose"]) == (
            transfer.amount,
            transfer.bill,
            transfer.purpose,
        )
        assert (seen["initMethod"], seen["service"]) == ("12", "QRIBFTTA")


def test_the_other_decoder_refuses_a_changed_code() -> None:
    text = encode(Transfer("970499", "0000131000131", 305_230, bill="TS0123456789"))
    assert [s["valid"] for s in decoded([text, text.replace("305230", "305231")])] == [True, False]
