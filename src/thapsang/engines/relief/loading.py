"""From policy files to a `ReliefBook`, refusing anything that is not exactly right."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from thapsang.engines.policies import (
    Content,
    Doubt,
    Field,
    PolicyError,
    References,
    Words,
    fingerprint,
    read_doubts,
    read_folder,
)
from thapsang.engines.rating import TariffBook
from thapsang.engines.relief.book import Known, Programme, ReliefBook
from thapsang.engines.relief.programmes import read_programme

_KINDS = ("vocabulary", "doubts", "programme")
_ONCE = ("vocabulary", "doubts")


def load_reliefs(folder: Path, tariffs: TariffBook) -> ReliefBook:
    """Read `policies/<distributor>/reliefs/` into checked programmes.

    `tariffs` gives the categories, voltages and prices the programmes speak of. Raises PolicyError naming the
    file, the key, what is wrong and how to mend it.
    """
    return reliefs_from_content(read_folder(folder, "relief"), tariffs)


def reliefs_from_content(content: Content, tariffs: TariffBook) -> ReliefBook:
    """Build the programmes from parsed content, as kept with a policy version; raises PolicyError."""
    return _Reader(content, tariffs).book()


class _Reader:
    """Reads the files of one folder in the order they need each other."""

    def __init__(self, content: Content, tariffs: TariffBook) -> None:
        self.content, self.tariffs = content, tariffs
        self.references = References()
        self.folder = next(iter(content)).rsplit("/", 1)[0]
        self.files = self._by_kind()
        self.doubts = read_doubts(self.files["doubts"][0])
        self.uses, self.lists = self._vocabulary()

    def _by_kind(self) -> dict[str, list[Field]]:
        found: dict[str, list[Field]] = {kind: [] for kind in _KINDS}
        for file, value in self.content.items():
            root = Field(file, "", value)
            if not isinstance(value, dict):
                root.fail("this is not a mapping.", f"Start it with `kind:` one of {', '.join(_KINDS)}.")
            found[root.child("kind", value.get("kind")).choice(_KINDS)].append(root)
        for kind in _KINDS:
            if not found[kind]:
                raise PolicyError(
                    self.folder, "", f"no file of kind {kind!r}.", f"Add one with `kind: {kind}`."
                )
        for kind in _ONCE:
            for extra in found[kind][1:]:
                extra.child("kind", kind).fail(
                    "a second file of this kind.", f"Keep one; the first is {found[kind][0].file}."
                )
        return found

    def book(self) -> ReliefBook:
        read = [(root, read_programme(root, self)) for root in self._in_order()]
        _check_editions(read)
        _check_orders(read)
        _check_excludes(read)
        return ReliefBook(
            distributor=self.folder.split("/", 1)[0],
            content=self.content,
            sha256=fingerprint(self.content),
            references=tuple(self.references.all),
            uses=self.uses,
            lists=self.lists,
            programmes=tuple(sorted((p for _, p in read), key=lambda p: (p.order, p.valid.start))),
        )

    def _in_order(self) -> list[Field]:
        # By file name, whatever order a database hands the content back in: the numbers of references must not
        # change.
        return sorted(self.files["programme"], key=lambda root: root.file)

    def doubt(self, field: Field) -> Doubt:
        """Return the doubt a field names; an unnamed one is refused."""
        return self.doubts[field.choice(tuple(self.doubts))]

    def _vocabulary(self) -> tuple[dict[str, Known], dict[str, Known]]:
        root = self.files["vocabulary"][0].mapping(("kind", "uses", "lists"))
        return _known(root["uses"], scoped=False), _known(root["lists"], scoped=True)


def _known(field: Field, *, scoped: bool) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for entry in field.items():
        fields = entry.mapping(("code", "scope", "vi", "en") if scoped else ("code", "vi", "en"))
        code = fields["code"].text()
        if code in found:
            fields["code"].fail(f"{code!r} is listed twice.", "Keep one of the two.")
        scope = fields["scope"].choice(("point", "area")) if scoped else ""
        found[code] = Known(code, Words(fields["vi"].text(), fields["en"].text()), scope)
    return found


def _check_editions(read: list[tuple[Field, Programme]]) -> None:
    """Refuse two files of one programme whose validity overlaps, or that count it differently."""
    for (_, before), (root, item) in pairwise(
        sorted(read, key=lambda pair: (pair[1].code, pair[1].valid.start))
    ):
        if before.code != item.code:
            continue
        valid = root.child("valid", None)
        if before.valid.by != item.valid.by:
            valid.child("by", None).fail(
                f"{item.code} is valid by {before.valid.by} in another file.", "Count both in the same way."
            )
        if before.valid.end is None or before.valid.end > item.valid.start:
            valid.child("from", None).fail(
                f"overlaps {item.code} from {before.valid.start} until {before.valid.end or 'further notice'}.",
                f"Set that one's `until` to {item.valid.start}, or give this programme a code of its own.",
            )


def _check_orders(read: list[tuple[Field, Programme]]) -> None:
    """Refuse two programmes at one place of the stacking order: which comes first must be said."""
    taken: dict[int, str] = {}
    for root, item in read:
        other = taken.setdefault(item.order, item.code)
        if other != item.code:
            root.child("stack", None).child("order", None).fail(
                f"{item.order} is the order of {other} too.", "Give each programme a number of its own."
            )


def _check_excludes(read: list[tuple[Field, Programme]]) -> None:
    codes = {item.code for _, item in read}
    for root, item in read:
        for place, other in enumerate(item.excludes):
            if other not in codes - {item.code}:
                root.child("stack", None).child("excludes", None).child(place, None).fail(
                    f"{other!r} is not another programme.",
                    f"Use one of: {', '.join(sorted(codes - {item.code}))}.",
                )
