"""Judge readings against each other and against what is known: columns in, verdicts out. No database.

A verdict is `accept`, `replace` (takes the place of an estimate), `repeat` (is there already) or `reject`;
an accepted row may carry a `flag`, the code of what somebody should look at.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from thapsang.domain.metering.queries.darkness import DAY_SECONDS, HOUR_SECONDS, Darkness
from thapsang.domain.metering.types import ReadingPolicy, dial_use_column

CANDIDATE = {
    "row": pl.Int64, "register": pl.Int64, "digits": pl.Int16, "multiplier": pl.Int32, "read_on": pl.Date,
    "value": pl.Int64, "quality": pl.String,
}  # fmt: skip
KNOWN = {"register": pl.Int64, "read_on": pl.Date, "value": pl.Int64, "quality": pl.String}
FIGURES = {
    "verdict": pl.String, "code": pl.String, "flag": pl.String, "other_on": pl.Date, "other_value": pl.Int64,
    "use": pl.Int64, "usual": pl.Int64, "hours": pl.Int64,
}  # fmt: skip
STORM_NEAR = timedelta(days=75)
"""How long after a storm its hours still bear on a reading: two periods and the tolerance."""
_ALL = [*CANDIDATE, *FIGURES]
_NONE = pl.lit(None, pl.String)


def judge(
    candidates: pl.DataFrame, known: pl.DataFrame, policy: ReadingPolicy, dark: Darkness | None = None
) -> pl.DataFrame:
    """Judge candidate readings of known registers.

    candidates: columns CANDIDATE. known: columns KNOWN, the readings of those registers around the dates and
    a year before. Returns every candidate once, with columns FIGURES added: `other_on` and `other_value` are
    the reading it was compared with, `use` is what it would count and `usual` what the point usually counts
    in so many days (both multiplied). The first row of the file wins over a second for the same day. `dark`, by
    register: where supply was away for a while, `usual` is what the point usually counts in so many hours with
    supply, and `hours` says how many those were.
    """
    twice, once = _within_file(candidates)
    settled, fresh = _against_known(once, known)
    replaced = fresh.filter(pl.col("verdict") == "replace").select("register", "read_on")
    others = known.join(replaced, on=["register", "read_on"], how="anti")
    done: list[pl.DataFrame] = [twice, settled]
    while fresh.height:
        compared = _compare(fresh, others, policy, dark)
        bad = compared.filter(pl.col("verdict") == "reject")
        first = bad.sort("register", "read_on").unique("register", keep="first", maintain_order=True)
        again = pl.col("register").is_in(first["register"].implode())
        done += [compared.filter(~again), first]
        # Whoever stands beside a bad reading is judged again without it, and with the estimate it would replace.
        others = pl.concat([others, known.join(first, on=["register", "read_on"], how="semi")])
        fresh = compared.filter(again).join(first.select("row"), on="row", how="anti")
        fresh = fresh.with_columns(verdict=_meant(fresh, replaced))
    return _judge_orphans(pl.concat([part.select(_ALL) for part in done]), known, policy, dark).sort("row")


def _meant(fresh: pl.DataFrame, replaced: pl.DataFrame) -> pl.Series:
    """Return what rows that are judged again would do: replace the estimate of their day, or be new."""
    replacing = fresh.join(replaced, on=["register", "read_on"], how="semi")["row"]
    again = (
        pl.when(pl.col("row").is_in(replacing.implode())).then(pl.lit("replace")).otherwise(pl.lit("accept"))
    )
    return fresh.select(
        verdict=pl.when(pl.col("verdict") == "reject").then(again).otherwise(pl.col("verdict"))
    )["verdict"]


def _judge_orphans(
    judged: pl.DataFrame, known: pl.DataFrame, policy: ReadingPolicy, dark: Darkness | None
) -> pl.DataFrame:
    """Judge once more the second rows for a day whose first row was itself rejected."""
    second = pl.col("other_on") == pl.col("read_on")
    firm = known.filter(pl.col("quality") != "E")
    in_file = judged.filter(second & pl.col("use").is_null()).join(
        firm, on=["register", "read_on"], how="anti"
    )
    refused = judged.filter((pl.col("verdict") == "reject") & ~second.fill_null(value=False))
    orphans = in_file.join(refused.select("register", "read_on"), on=["register", "read_on"], how="semi")
    if orphans.is_empty():
        return judged
    taken = judged.filter(pl.col("verdict").is_in(["accept", "replace"])).select(list(KNOWN))
    now_known = pl.concat([known.join(taken, on=["register", "read_on"], how="anti"), taken])
    rest = judged.join(orphans.select("row"), on="row", how="anti")
    return pl.concat([rest, judge(orphans.select(list(CANDIDATE)), now_known, policy, dark)])


def doubtful(
    candidates: pl.DataFrame, around: pl.DataFrame, policy: ReadingPolicy, dark: Darkness | None = None
) -> pl.Series:
    """Return the registers whose readings can be judged only with more history.

    Those that count nothing, more than the floor of a spike, or less than nothing against any reading near;
    those with several readings in the file; and those under a storm near their dates.
    """
    met = candidates.join(around.select("register", near="value"), on="register")
    counted = (pl.col("value") - pl.col("near")) * pl.col("multiplier")
    odd = met.filter((counted <= 0) | (counted > policy.spike_floor_kwh)).select("register")
    several = candidates.filter(pl.col("register").is_duplicated()).select("register")
    return pl.concat([odd, several, _stormy(candidates, dark)])["register"].unique()


def _stormy(candidates: pl.DataFrame, dark: Darkness | None) -> pl.DataFrame:
    if dark is None or candidates.is_empty():
        return candidates.clear().select("register")
    first, last = candidates.select(a=pl.col("read_on").min(), b=pl.col("read_on").max()).row(0)
    near = dark.touched(first - STORM_NEAR, last)
    groups = dark.groups.filter(pl.col("areas").is_in(near.implode()))
    return candidates.join(groups, on="register", how="semi").select("register")


def _figures(rows: pl.DataFrame, verdict: pl.Expr, code: pl.Expr) -> pl.DataFrame:
    absent = {name: pl.lit(None, kind) for name, kind in FIGURES.items() if name not in rows.columns}
    return rows.with_columns(**absent).with_columns(verdict=verdict, code=code)


def _within_file(candidates: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take out the second and later rows for one register and day."""
    key = ["register", "read_on"]
    if not candidates.select(key).is_duplicated().any():
        none = candidates.clear().with_columns(other_value=pl.col("value"), other_on=pl.col("read_on"))
        return _judged_same(none, pl.lit(value=True)), candidates
    first = candidates.sort("row").unique(key, keep="first", maintain_order=True)
    later = candidates.join(first.select("row"), on="row", how="anti")
    later = later.join(first.select(*key, other_value="value"), on=key).with_columns(other_on="read_on")
    same = pl.col("value") == pl.col("other_value")
    return _judged_same(later, same), first


def _judged_same(rows: pl.DataFrame, same: pl.Expr) -> pl.DataFrame:
    verdict = pl.when(same).then(pl.lit("repeat")).otherwise(pl.lit("reject"))
    return _figures(rows, verdict, pl.when(same).then(_NONE).otherwise(pl.lit("duplicate")))


def _against_known(once: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take out rows whose day is known already, unless what is known is only an estimate."""
    there = known.select("register", "read_on", other_value="value", known_quality="quality")
    met = once.join(there, on=["register", "read_on"], how="left")
    estimate = pl.col("known_quality") == "E"
    taken = met.filter(pl.col("other_value").is_not_null() & ~estimate).with_columns(other_on="read_on")
    settled = _judged_same(taken, pl.col("value") == pl.col("other_value"))
    fresh = met.filter(pl.col("other_value").is_null() | estimate)
    verdict = pl.when(pl.col("other_value").is_null()).then(pl.lit("accept")).otherwise(pl.lit("replace"))
    fresh = fresh.with_columns(verdict=verdict).drop("other_value")
    return settled, _figures(fresh, pl.col("verdict"), _NONE)


def _compare(
    fresh: pl.DataFrame, others: pl.DataFrame, policy: ReadingPolicy, dark: Darkness | None
) -> pl.DataFrame:
    """Compare each row with the readings before and after it on its dial, and with the year before."""
    line = _timeline(fresh, others)
    line = line.filter(pl.col("row").is_not_null())
    use = dial_use_column(pl.col("before"), pl.col("value"), pl.col("digits"), policy.dial_share)
    onward = dial_use_column(pl.col("value"), pl.col("after"), pl.col("digits"), policy.dial_share)
    line = line.with_columns(
        use=use * pl.col("multiplier"), days=(pl.col("read_on") - pl.col("before_on")).dt.total_days(),
        falls=pl.col("before").is_not_null() & use.is_null(),
        # Only against what is known: of two rows of the file the later is judged by the earlier.
        passes=pl.col("after").is_not_null() & pl.col("after_row").is_null() & onward.is_null(),
    )  # fmt: skip
    return _verdicts(_usual(line, others, policy, dark), policy)


def _timeline(fresh: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    relevant = others.join(fresh.select("register").unique(), on="register", how="semi")
    line = pl.concat(
        [fresh.select(*CANDIDATE, "verdict"), relevant.select("register", "read_on", "value", "quality")],
        how="diagonal",
    ).sort("register", "read_on")

    def beside(name: str, step: int) -> pl.Expr:
        # One shift over the whole column and a look whether it is the same register: no grouping.
        return pl.when(pl.col("register") == pl.col("register").shift(step)).then(pl.col(name).shift(step))

    return line.with_columns(
        before=beside("value", 1), before_on=beside("read_on", 1), before_quality=beside("quality", 1),
        after=beside("value", -1), after_on=beside("read_on", -1), after_row=beside("row", -1),
        earlier=beside("value", 2), earlier_on=beside("read_on", 2),
    )  # fmt: skip


def _usual(
    line: pl.DataFrame, others: pl.DataFrame, policy: ReadingPolicy, dark: Darkness | None
) -> pl.DataFrame:
    """Add what the point usually counts in so much time with supply: the same months last year, else before."""
    line = line.with_columns(
        year_from=pl.col("before_on").dt.offset_by("-1y"), year_to=pl.col("read_on").dt.offset_by("-1y")
    )
    then = others.select("register", year_from="read_on", was="value")
    until = others.select("register", year_to="read_on", became="value")
    line = line.join(then, on=["register", "year_from"], how="left").join(
        until, on=["register", "year_to"], how="left"
    )
    line = _dark(line, dark)
    last_year = dial_use_column(pl.col("was"), pl.col("became"), pl.col("digits"), policy.dial_share)
    recent = dial_use_column(pl.col("earlier"), pl.col("before"), pl.col("digits"), policy.dial_share)
    on, year_on, recent_on = (pl.col(name) for name in ("on", "year_on", "recent_on"))
    # Without a storm nothing is scaled: a leap day more or less leaves last year's figure as it was.
    storm = (pl.col("dark") > 0) | (pl.col("year_dark") > 0)
    enough = policy.storm.minimum_hours * HOUR_SECONDS
    last_year = (
        pl.when(storm).then(pl.when(year_on >= enough).then(last_year * on // year_on)).otherwise(last_year)
    )
    recent = pl.when((recent_on >= enough) | (pl.col("recent_dark") == 0)).then(recent * on // recent_on)
    return line.with_columns(usual=pl.coalesce(last_year, recent) * pl.col("multiplier"))


_STRETCHES = (
    ("", "before_on", "read_on"), ("year_", "year_from", "year_to"), ("recent_", "earlier_on", "before_on"),
)  # fmt: skip


def _dark(line: pl.DataFrame, dark: Darkness | None) -> pl.DataFrame:
    """Add the seconds without supply (`dark`) and with it (`on`) of the stretch judged and of those beside it."""
    line = dark.joined(line, "register") if dark else line
    for name, first, last in _STRETCHES:
        gone = f"{name}dark"
        line = (
            dark.between(line, first, last, gone)
            if dark
            else line.with_columns(pl.lit(0, pl.Int64).alias(gone))
        )
        seconds = (pl.col(last) - pl.col(first)).dt.total_days() * DAY_SECONDS
        line = line.with_columns((seconds - pl.col(gone)).alias(f"{name}on"))
    return line.drop("areas") if dark else line


def _verdicts(line: pl.DataFrame, policy: ReadingPolicy) -> pl.DataFrame:
    checked = pl.col("quality") == "V"
    storm = pl.col("dark") > 0
    factor = pl.when(storm).then(policy.storm.factor).otherwise(policy.spike_factor)
    by_hours = policy.storm.floor_kwh_an_hour * pl.col("on") // HOUR_SECONDS
    floor = (
        pl.when(storm)
        .then(pl.min_horizontal(by_hours, policy.spike_floor_kwh))
        .otherwise(policy.spike_floor_kwh)
    )
    above = (pl.col("use") > factor * pl.col("usual")) & (pl.col("use") > floor) & ~checked
    spike = above.fill_null(value=False)
    zero = ((pl.col("use") == 0) & (pl.col("usual") >= policy.zero_usual_kwh) & ~checked).fill_null(
        value=False
    )
    over = (pl.col("value") < pl.col("before")).fill_null(value=False)
    guess = pl.col("before_quality") == "E"
    found = (
        pl.when(pl.col("falls") & guess).then(pl.lit("below-estimate"))
        .when(pl.col("falls")).then(pl.lit("backwards"))
        .when(pl.col("passes")).then(pl.lit("above-next"))
        .when(spike & storm).then(pl.lit("storm-spike")).when(spike).then(pl.lit("spike"))
        .when(zero).then(pl.lit("zero")).when(over).then(pl.lit("roll-over"))
    )  # fmt: skip
    line = line.with_columns(found=found)
    flags = [code for code, action in _actions(policy).items() if action == "flag"]
    flagged = pl.col("found").is_in(flags)
    refused = pl.col("found").is_not_null() & ~flagged
    next_one = pl.col("found") == "above-next"
    return line.with_columns(
        verdict=pl.when(refused).then(pl.lit("reject")).otherwise(pl.col("verdict")),
        code=pl.when(refused).then(pl.col("found")), flag=pl.when(flagged).then(pl.col("found")),
        other_on=pl.when(next_one).then(pl.col("after_on")).otherwise(pl.col("before_on")),
        other_value=pl.when(next_one).then(pl.col("after")).otherwise(pl.col("before")),
        use=pl.col("use").cast(pl.Int64), usual=pl.col("usual").cast(pl.Int64),
        hours=pl.when(storm).then(pl.col("on") // HOUR_SECONDS).cast(pl.Int64),
    )  # fmt: skip


def _actions(policy: ReadingPolicy) -> dict[str, str]:
    return {
        "spike": policy.spike_action,
        "storm-spike": policy.storm.action,
        "zero": policy.zero_action,
        "roll-over": policy.roll_over_action,
    }
