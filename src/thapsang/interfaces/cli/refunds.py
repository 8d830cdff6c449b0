"""`thapsang refunds …`: credit asked back: list, approve, reject, make the bank's file, paid, returned."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from thapsang.domain.payments.operations import refunds as operations
from thapsang.domain.payments.queries import refunds as queries
from thapsang.domain.payments.queries.refunds import RefundView, UnknownRefundError
from thapsang.domain.payments.types import PaymentError
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, AsJson, Limit, print_json
from thapsang.kit.db.transactions import transaction

app = typer.Typer(
    help="Refunds of credit: list, approve, reject, bank file, paid, returned.", no_args_is_help=True
)
out, errors = Console(), Console(stderr=True)
Actor = Annotated[str, typer.Option(help="Who does it; kept in the audit log. Default: cli:<login>.")]
Number = Annotated[int, typer.Argument(help="Number of the refund.")]
Reason = Annotated[str, typer.Option(help="Why; the customer reads it, and it is in the audit log.")]


@app.command("list")
def listed(
    status: Annotated[
        str, typer.Option(help="asked, approved, rejected, withdrawn, sent, paid or returned.")
    ] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List refunds; those that wait in the order they came. Account numbers are not shown."""
    with database():
        found = queries.refunds(status=status, limit=limit)
    if as_json:
        print_json([_plain(one) for one in found])
        return
    table = Table("no.", "reference", "status", "customer", "đồng", "to", "asked by", "decided by")
    for one in found:
        to = f"{one.bank_name} …{one.account_tail}"
        table.add_row(
            str(one.id), one.reference, one.problem or one.status, one.customer_code, f"{one.amount:,}", to,
            one.asked_name, one.decided_name,
        )  # fmt: skip
    out.print(table)


@app.command()
def ask(
    customer: Annotated[str, typer.Option(help="The customer's code.")],
    amount: Annotated[int, typer.Option(help="đồng.")],
    bank: Annotated[str, typer.Option(help="The bank's number (NAPAS BIN).")],
    reason: Reason,
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Ask for a refund on a customer's behalf; account and holder are asked for, so that no history keeps them."""
    account, holder = typer.prompt("Account number"), typer.prompt("Account holder")

    def change() -> int:
        return operations.ask_refund(
            customer_code=customer, amount=amount, bank=bank, account=account, holder=holder, reason=reason,
            by_customer=False, actor=_who(actor), at=timezone.now(),
        )  # fmt: skip

    _do(change, as_json=as_json)


@app.command()
def approve(number: Number, reason: Reason, actor: Actor = "", as_json: AsJson = False) -> None:
    """Approve a refund somebody else asked for."""
    _do(
        lambda: operations.approve_refund(
            refund_id=number, reason=reason, actor=_who(actor), at=timezone.now()
        ),
        number,
        as_json=as_json,
    )


@app.command()
def reject(number: Number, reason: Reason, actor: Actor = "", as_json: AsJson = False) -> None:
    """Reject a refund that is not sent yet; the credit stays."""
    _do(
        lambda: operations.reject_refund(
            refund_id=number, reason=reason, actor=_who(actor), at=timezone.now()
        ),
        number,
        as_json=as_json,
    )


@app.command("file")
def make_file(
    to: Annotated[Path, typer.Option(help="Write the bank's file here (pain.001.001.09).")],
    again: Annotated[int, typer.Option(help="Write a file made before once more, by its number.")] = 0,
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Send all approved refunds: post them and write the file for the bank. Each is in one file only."""
    with database(), _refusals():
        number = again
        if not again:
            with transaction():
                made, _ = operations.send_refunds(actor=_who(actor), at=timezone.now())
            number = made.pk if made else 0
        if not number:
            raise operations.RefundRefusedError(
                "Nothing sent: a bill has used the credit of every approved refund."
            )
        found = queries.refund_file(file_id=number)
        content = queries.file_content(file_id=number)
        to.touch(mode=0o600)
        to.write_bytes(content)
    if as_json:
        print_json(asdict(found) | {"path": str(to)})
    else:
        out.print(
            f"File {found.id}, {found.message}: {found.count:,} refunds, {found.total:,} đồng, in {to}."
        )


@app.command()
def confirm(
    number: Number,
    bank_reference: Annotated[str, typer.Option(help="What the bank's statement names the transfer by.")],
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Record that the bank paid a refund."""
    _do(
        lambda: operations.confirm_refund(
            refund_id=number, bank_reference=bank_reference, actor=_who(actor), at=timezone.now()
        ),
        number,
        as_json=as_json,
    )


@app.command()
def returned(number: Number, reason: Reason, actor: Actor = "", as_json: AsJson = False) -> None:
    """Record that the bank gave a refund back: it is credit again."""
    _do(
        lambda: operations.return_refund(
            refund_id=number, reason=reason, actor=_who(actor), at=timezone.now()
        ),
        number,
        as_json=as_json,
    )


def _do(change: Callable[[], int | None], number: int = 0, *, as_json: bool) -> None:
    with database(), _refusals():
        with transaction():
            made = change()
        found = queries.refund(refund_id=made or number)
    if as_json:
        print_json(_plain(found))
    else:
        out.print(f"Refund {found.id}, {found.reference}: {found.amount:,} đồng, {found.status}.")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (PaymentError, UnknownRefundError, queries.RefundFileChangedError) as error:
        errors.print(f"[red]{error}[/]", soft_wrap=True)
        raise typer.Exit(REFUSED) from None


def _who(actor: str) -> str:
    return actor or f"cli:{getpass.getuser()}"


def _plain(found: RefundView) -> dict[str, Any]:
    """Return what may be on a screen or in a pipe: no name of a customer or of an account's holder."""
    hidden = {"customer_name", "holder"}
    return {name: value for name, value in asdict(found).items() if name not in hidden}
