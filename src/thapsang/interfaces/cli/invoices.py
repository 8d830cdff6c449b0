"""`thapsang invoices`: validate, sign and verify e-invoice files. No database is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone
from rich.console import Console

from thapsang.engines.einvoice import (
    CertificateFacts,
    EInvoiceError,
    Pkcs12Key,
    Problem,
    SoftwareSigner,
    Verdict,
    check_may_sign,
    prepare,
    seller_code,
    signature,
    validate,
    verify,
    with_signature,
)
from thapsang.interfaces.cli import issuing
from thapsang.interfaces.cli.printing import AsJson, print_json

app = typer.Typer(
    help="E-invoices: issue a month, hand it over, look after it; files of layout 2.1.0.",
    no_args_is_help=True,
)
issuing.attach(app)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_WRONG = 1
_REFUSED = 2
_READ_AT_MOST = 8 * 1024 * 1024 + 1
PASSWORD_VARIABLE = "THAPSANG_PKCS12_PASSWORD"  # noqa: S105 - the variable's name, not a password

Files = Annotated[
    list[Path], typer.Argument(help="Invoice files (HDon, or TDiep with HDon).", show_default=False)
]


@app.callback()
def _group() -> None:
    """E-invoices: issue a month, hand it over, look after it; validate, sign and verify files of layout 2.1.0."""


@app.command("validate")
def validate_files(files: Files, as_json: AsJson = False) -> None:
    """Check files against our schema of the layout and against rules a schema cannot say.

    Each problem names the element, its line and the remedy. Leaves with code 1 when a file has an error; warnings
    alone pass. The schema is ours: the tax authority publishes none.
    """
    results = [(file, validate(_content(file))) for file in files]
    if as_json:
        print_json([_validation_json(file, problems) for file, problems in results])
    else:
        for file, problems in results:
            _show_problems(file, problems)
    if any(problem.severity == "error" for _, problems in results for problem in problems):
        raise typer.Exit(_WRONG)


@app.command("verify")
def verify_files(
    files: Files,
    trust: Annotated[
        list[Path] | None,
        typer.Option(
            help="Certificate (PEM or DER) of the issuer of invoices, or of the authority above it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether invoices are genuine: unchanged since the seller signed them.

    Without [bold]--trust[/bold] the content is proved whole under the certificate inside the file, not whose
    that is. Leaves with code 1 when one is not genuine.
    """
    trusted = [der for path in trust or [] for der in _certificates(path)]
    results = [(file, verdict) for file in files for verdict in verify(_content(file), trusted=trusted)]
    if as_json:
        print_json([{"file": str(file), **asdict(verdict)} for file, verdict in results])
    else:
        for file, verdict in results:
            _show_verdict(file, verdict)
    if not all(verdict.genuine for _, verdict in results):
        raise typer.Exit(_WRONG)


@app.command("sign")
def sign_files(
    files: Files,
    pkcs12: Annotated[Path, typer.Option(help="Key file (.p12, .pfx) of the seller.")],
    password_file: Annotated[
        Path | None,
        typer.Option(
            help=f"File whose first line is its password; else {PASSWORD_VARIABLE}, else it is asked."
        ),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="Folder for the signed files; beside each file by default.")
    ] = None,
    warn_days: Annotated[int, typer.Option(help="Warn when the certificate ends in fewer days.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Sign invoice files with the seller's key: NAME.xml becomes NAME.signed.xml.

    A file with errors, or with a seller's signature already, is refused and nothing is written for it; so is a key
    whose certificate has ended or belongs to another seller. Leaves with code 1 when a file was refused.
    """
    at = timezone.localtime()
    signer = _signer(pkcs12, password_file)
    facts = _may_sign(signer, at)
    if not as_json:
        _show_key(facts, at, warn_days)
    done = [_signed(file, into, signer, at) for file in files]
    if as_json:
        print_json({"certificate": _facts_json(facts, at), "files": done})
    else:
        _show_signed(done)
    if any(item["problems"] for item in done):
        raise typer.Exit(_WRONG)


def _signed(file: Path, into: Path | None, signer: SoftwareSigner, at: datetime) -> dict[str, Any]:
    """Sign one file; give its outcome."""
    content = _content(file)
    problems = [asdict(problem) for problem in validate(content) if problem.severity == "error"]
    target = (into or file.parent) / f"{file.stem}.signed.xml"
    if not problems:
        try:
            root, draft = prepare(content)
            check_may_sign(signer, at=at, tax_code=seller_code(root))
            _write(target, with_signature(root, signature(draft, signer, at=at)))
        except EInvoiceError as error:
            problems = [asdict(Problem(error.element, error.problem, error.remedy, code="refused"))]
    return {"file": str(file), "signed": None if problems else str(target), "problems": problems}


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.part")
    beside.write_bytes(content)
    beside.replace(target)


def _signer(pkcs12: Path, password_file: Path | None) -> SoftwareSigner:
    try:
        return Pkcs12Key(_content(pkcs12), _password(password_file))()
    except EInvoiceError as error:
        _refuse(str(pkcs12), f"{error.element} {error.problem}", error.remedy)


def _password(file: Path | None) -> bytes:
    if file is not None:
        return b"".join(_content(file).splitlines()[:1])
    given = os.environ.get(PASSWORD_VARIABLE)
    return (
        given if given is not None else typer.prompt("Password of the key file", hide_input=True)
    ).encode()


def _may_sign(signer: SoftwareSigner, at: datetime) -> CertificateFacts:
    try:
        return check_may_sign(signer, at=at)
    except EInvoiceError as error:
        _refuse("--pkcs12", f"{error.element} {error.problem}", error.remedy)


def _certificates(path: Path) -> Iterator[bytes]:
    content = _content(path)
    try:
        if b"-----BEGIN" in content:
            yield from (
                found.public_bytes(Encoding.DER) for found in x509.load_pem_x509_certificates(content)
            )
        else:
            yield x509.load_der_x509_certificate(content).public_bytes(Encoding.DER)
    except ValueError:
        _refuse(str(path), "holds no certificate.", "Give a PEM or DER file.")


def _content(path: Path) -> bytes:
    """Read a file, never more than a little over what is accepted."""
    try:
        with path.open("rb") as stream:
            return stream.read(_READ_AT_MOST)
    except OSError as error:
        _refuse(str(path), f"cannot be read: {error.strerror}.", "Check the name and the permission.")


def _refuse(what: str, problem: str, remedy: str) -> NoReturn:
    err.print(f"{what}: {problem} {remedy}", style="red", markup=False)
    raise typer.Exit(_REFUSED)


def _show_problems(file: Path, problems: list[Problem]) -> None:
    errors = sum(problem.severity == "error" for problem in problems)
    state = f"{errors} wrong" if errors else "follows our schema and rules"
    out.print(f"{file}: {state}", style="red" if errors else "green", markup=False)
    for problem in problems:
        where = f"line {problem.line}, " if problem.line else ""
        mark = "" if problem.severity == "error" else "warning: "
        out.print(f"  {mark}{where}{problem.element} {problem.problem} {problem.remedy}", markup=False)


def _show_signed(done: list[dict[str, Any]]) -> None:
    for item in done:
        if item["signed"]:
            out.print(f"signed: {item['signed']}", style="green", markup=False)
        for problem in item["problems"]:
            text = (
                f"{item['file']}: not signed. {problem['element']} {problem['problem']} {problem['remedy']}"
            )
            err.print(text, style="red", markup=False)


def _show_verdict(file: Path, verdict: Verdict) -> None:
    word = "genuine" if verdict.genuine else f"NOT GENUINE ({verdict.cause})"
    number = f" {verdict.key}" if verdict.key else ""
    out.print(f"{file}{number}: {word}", style="green" if verdict.genuine else "bold red", markup=False)
    out.print(f"  {verdict.message} {verdict.remedy}".rstrip(), markup=False)
    if verdict.signed_at:
        out.print(f"  signed at {verdict.signed_at.isoformat()}", markup=False)


def _show_key(facts: CertificateFacts, at: datetime, warn_days: int) -> None:
    left = facts.days_left(at)
    text = f"{facts.subject}: certificate until {facts.valid_until:%Y-%m-%d}, {left} days left"
    err.print(text, style="yellow" if left < warn_days else "dim", markup=False)
    if left < warn_days:
        err.print("Renew the certificate now: without it no invoice can be signed.", style="yellow")


def _facts_json(facts: CertificateFacts, at: datetime) -> dict[str, Any]:
    return {**asdict(facts), "days_left": facts.days_left(at)}


def _validation_json(file: Path, problems: list[Problem]) -> dict[str, Any]:
    valid = not any(problem.severity == "error" for problem in problems)
    return {"file": str(file), "valid": valid, "problems": [asdict(problem) for problem in problems]}
