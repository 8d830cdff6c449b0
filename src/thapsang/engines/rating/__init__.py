"""From kWh to đồng: the columnar rating engine.

`load_book` reads a distributor's policy files; `rate` prices Arrow tables of any size; `rate_one` prices
one case with the same kernel.
"""

from thapsang.engines.policies import PolicyError, Reference
from thapsang.engines.rating.batch import BLOCK, Rated, rate, rate_blocks
from thapsang.engines.rating.book import BANDS, Edition, Tariff, TariffBook
from thapsang.engines.rating.columns import BILLS, LINES, PROBLEMS, TERMS, USAGE
from thapsang.engines.rating.errors import RatingInputError, RatingProblem
from thapsang.engines.rating.loading import book_from_content, load_book
from thapsang.engines.rating.one import Case, CaseLine, Reading, rate_one

__all__ = [
    "BANDS",
    "BILLS",
    "BLOCK",
    "LINES",
    "PROBLEMS",
    "TERMS",
    "USAGE",
    "Case",
    "CaseLine",
    "Edition",
    "PolicyError",
    "Rated",
    "RatingInputError",
    "RatingProblem",
    "Reading",
    "Reference",
    "Tariff",
    "TariffBook",
    "book_from_content",
    "load_book",
    "rate",
    "rate_blocks",
    "rate_one",
]
