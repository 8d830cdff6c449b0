"""Reading prices: the book in force, references in plain words, the public price table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from thapsang.domain.tariffs.models import PolicyVersion
from thapsang.domain.tariffs.types import FORMAT, CategoryPrices, Citation, PriceRow, PriceTable, TierView
from thapsang.engines.rating import (
    Edition,
    PolicyError,
    Reference,
    Tariff,
    TariffBook,
    book_from_content,
    load_book,
)

_TEXTS = ("code", "document", "document_en", "article", "article_en", "doubt", "doubt_en", "confidence")


class UnknownPolicyVersionError(LookupError):
    """No policy version has this id."""


class UnreadablePolicyVersionError(LookupError):
    """A policy version is kept in a format this release does not read; its law can still be shown."""


class NoPricesError(LookupError):
    """No decision prices this day."""


def current_book() -> TariffBook:
    """Return the tariff book of this installation's distributor; read once a process.

    Raises PolicyError naming the file, the key and the fix when the policy is wrong.
    """
    return _book_in(Path(settings.POLICIES) / settings.DISTRIBUTOR / "tariffs")


@lru_cache(maxsize=8)
def _book_in(folder: Path) -> TariffBook:
    return load_book(folder)


def book_of(policy_version_id: int) -> TariffBook:
    """Return the book a bill was rated with.

    Raises UnknownPolicyVersionError, or UnreadablePolicyVersionError for one of a format that is not read here.
    """
    return _kept_book(policy_version_id)


@lru_cache(maxsize=16)
def _kept_book(policy_version_id: int) -> TariffBook:
    version, book = _version(policy_version_id), current_book()
    if book.sha256 == version.sha256:
        return book
    form = version.content.get("format")
    if form != FORMAT:
        raise UnreadablePolicyVersionError(_unreadable(policy_version_id, f"format {form}, not {FORMAT}"))
    try:
        return book_from_content(version.content["files"])
    except PolicyError as error:
        raise UnreadablePolicyVersionError(_unreadable(policy_version_id, str(error))) from error


def _unreadable(policy_version_id: int, why: str) -> str:
    return (
        f"Policy version {policy_version_id} cannot be read by this release: {why} "
        "Its bills stand as issued; to derive one anew use the release that rated it."
    )


def _version(policy_version_id: int) -> PolicyVersion:
    version = PolicyVersion.objects.filter(pk=policy_version_id).first()
    if version is None:
        raise UnknownPolicyVersionError(f"There is no policy version {policy_version_id}.")
    return version


def reference(policy_version_id: int, number: int) -> Reference:
    """Return the legal reference a bill line carries; raises LookupError for an unknown version or number."""
    return book_of(policy_version_id).reference(number)


def citation(*, policy_version_id: int, number: int, language: str = "vi") -> Citation:
    """Return a line's legal reference in plain words of a language (`vi` or `en`)."""
    return _citation(reference(policy_version_id, number), language)


def citations(*, policy_version_id: int, language: str = "vi") -> dict[int, Citation]:
    """Return all references of a policy version by number: one look-up for a whole bill.

    A version of another format gives the law as it was kept with it, as far as that can be read: a page shows
    the bill in any case. Raises UnknownPolicyVersionError.
    """
    return dict(_citations(policy_version_id, language))


@lru_cache(maxsize=32)
def _citations(policy_version_id: int, language: str) -> dict[int, Citation]:
    try:
        references = book_of(policy_version_id).references
    except UnreadablePolicyVersionError:
        references = tuple(_told(_version(policy_version_id).content.get("references")))
    return {item.number: _citation(item, language) for item in references}


def _told(kept: object) -> Iterator[Reference]:
    """Read references as they were kept; what is not one is left out."""
    for entry in kept if isinstance(kept, list) else []:
        try:
            texts = {name: str(entry.get(name, "")) for name in _TEXTS}
            yield Reference(number=int(entry["number"]), date=date.fromisoformat(entry["date"]), **texts)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue


def vat_citation(*, policy_version_id: int, last_day: date, language: str = "vi") -> Citation | None:
    """Return the legal basis of the VAT rate of a bill by its last billed day.

    None when the rate is unknown, or the version is of a format that is not read here.
    """
    try:
        book = book_of(policy_version_id)
    except UnreadablePolicyVersionError:
        return None
    vat = book.vat_on(last_day)
    return _citation(book.reference(vat.reference), language) if vat else None


def _citation(item: Reference, language: str) -> Citation:
    english = language.startswith("en")
    return Citation(
        number=item.number,
        code=item.code,
        signed=item.date,
        confidence=item.confidence,
        title=item.document_en if english else item.document,
        article=item.article_en if english else item.article,
        doubt=item.doubt_en if english else item.doubt,
    )


def decisions() -> tuple[tuple[str, date, date | None], ...]:
    """Return (code, first day, end or None) of every decision, oldest first."""
    return tuple((edition.code, edition.start, edition.end) for edition in current_book().editions)


def price_table(*, on: date, language: str = "vi") -> PriceTable:
    """Return the prices that hold on a day, for the public page; raises NoPricesError."""
    book = current_book()
    edition = book.edition_on(on)
    if edition is None:
        raise NoPricesError(f"No decision prices {on}; prices are known from {book.editions[0].start}.")
    english = language.startswith("en")
    vat = book.vat_on(on)
    return PriceTable(
        code=edition.code,
        signed=edition.signed,
        start=edition.start,
        end=edition.end,
        title=edition.document.en if english else edition.document.vi,
        average_price=edition.average_price,
        categories=tuple(
            _category(book, edition, code, language)
            for code in book.categories
            if _priced(book, edition, code)
        ),
        vat_rate=vat.basis_points if vat else None,
        vat_citation=_citation(book.reference(vat.reference), language) if vat else None,
    )


def _priced(book: TariffBook, edition: Edition, category: str) -> bool:
    return any((category, voltage) in edition.tariffs for voltage in book.voltages)


def _category(book: TariffBook, edition: Edition, code: str, language: str) -> CategoryPrices:
    tariffs: dict[Tariff, list[str]] = {}
    for voltage in book.voltages:
        if (code, voltage) in edition.tariffs:
            tariffs.setdefault(edition.tariffs[code, voltage], []).append(voltage)
    first = next(iter(tariffs))
    name = book.categories[code].words
    return CategoryPrices(
        code=code,
        name=name.en if language.startswith("en") else name.vi,
        tiers=_tiers(first) if first.rule == "tiers" else (),
        rows=() if first.rule == "tiers" else tuple(_row(book, t, v, language) for t, v in tariffs.items()),
        citation=_citation(book.reference(first.references[0]), language),
    )


def _tiers(tariff: Tariff) -> tuple[TierView, ...]:
    bounds = [0]
    for width in tariff.widths:
        bounds.append(bounds[-1] + width)
    return tuple(
        TierView(i + 1, above, bounds[i + 1] if i < len(tariff.widths) else None, tariff.prices[i])
        for i, above in enumerate(bounds)
    )


def _row(book: TariffBook, tariff: Tariff, voltages: list[str], language: str) -> PriceRow:
    bands = ("normal", "peak", "offpeak") if tariff.rule == "bands" else ("",)
    return PriceRow(
        voltages=tuple(voltages),
        prices=tuple(zip(bands, tariff.prices, strict=True)),
        citations=tuple(_citation(book.reference(number), language) for number in tariff.references),
    )
