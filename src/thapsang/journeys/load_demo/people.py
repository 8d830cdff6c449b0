"""Invented people and places: names, addresses, numbers. A column at a time, from a seeded generator.

No name belongs to anybody: family, middle and given names are drawn apart, weighted as they are heard in
Nghệ An. Numbers have the right shape and check digit and are drawn at random.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_FAMILIES = {
    "Nguyễn": 330, "Trần": 105, "Lê": 85, "Phan": 62, "Hoàng": 58, "Phạm": 48, "Võ": 40, "Hồ": 42,
    "Cao": 26, "Đặng": 26, "Bùi": 24, "Ngô": 22, "Nguyễn Đình": 14, "Nguyễn Cảnh": 10, "Đinh": 13,
    "Thái": 13, "Vũ": 10, "Lương": 11, "Lô": 12, "Vi": 11, "Lữ": 7, "Moong": 4, "Lầu": 4, "Xồng": 3,
    "Trương": 9, "Chu": 8, "Đậu": 9, "Phùng": 5, "Tạ": 4, "Dương": 7, "Đào": 5, "Trịnh": 5, "Mai": 5,
    "Hà": 6, "Kha": 3, "Cụt": 2, "Già": 2,
}  # fmt: skip
_MEN_MIDDLE = [
    "Văn", "Văn", "Văn", "Văn", "Đức", "Hữu", "Xuân", "Quang", "Đình", "Bá", "Ngọc", "Minh", "Công",
    "Trọng", "Thế", "Sỹ", "Duy", "Viết", "Anh", "Hồng", "Khắc", "Cảnh", "Thanh", "Mạnh",
]  # fmt: skip
_MEN_GIVEN = [
    "An", "Bình", "Cường", "Dũng", "Đức", "Hải", "Hùng", "Hưng", "Khánh", "Lâm", "Long", "Minh", "Nam",
    "Nghĩa", "Phong", "Phúc", "Quân", "Quang", "Sơn", "Tâm", "Thành", "Thắng", "Thịnh", "Tiến", "Toàn",
    "Trung", "Tú", "Tuấn", "Tùng", "Việt", "Vinh", "Vũ", "Ân", "Chiến", "Đạt", "Hậu", "Hiếu", "Hòa",
    "Kiên", "Lộc", "Lương", "Mạnh", "Nhật", "Quý", "Tài", "Thái", "Thọ", "Trường", "Đường", "Ước",
]  # fmt: skip
_WOMEN_MIDDLE = [
    "Thị", "Thị", "Thị", "Thị", "Thị", "Thị Thu", "Thị Thanh", "Thị Hồng", "Thị Ngọc", "Thị Minh",
    "Thị Kim", "Thị Hương", "Thị Quỳnh", "Thị Bích", "Ngọc", "Thùy", "Khánh", "Thị Mỹ",
]  # fmt: skip
_WOMEN_GIVEN = [
    "An", "Anh", "Ánh", "Bích", "Châu", "Chi", "Diệp", "Dung", "Đào", "Giang", "Hà", "Hạnh", "Hằng",
    "Hiền", "Hoa", "Hoài", "Hồng", "Huệ", "Hương", "Lan", "Lệ", "Liên", "Linh", "Loan", "Mai", "Nga",
    "Ngân", "Nhung", "Oanh", "Phương", "Quỳnh", "Tâm", "Thảo", "Thắm", "Thanh", "Thu", "Thủy",
    "Thương", "Trang", "Trâm", "Tuyết", "Uyên", "Vân", "Xuân", "Yến", "Ngọc", "Lý", "Tình", "Sương",
    "Nguyệt",
]  # fmt: skip
_STREETS = [
    "Nguyễn Sinh Sắc", "Lê Hồng Phong", "Trần Hưng Đạo", "Hồ Tùng Mậu", "Phong Đình Cảng", "Nguyễn Du",
    "Phan Bội Châu", "Nguyễn Thị Minh Khai", "Lê Lợi", "Quang Trung", "Đinh Công Tráng", "Hà Huy Tập",
    "Trường Chinh", "Lê Duẩn", "Bạch Liêu", "Tôn Thất Tùng", "Nguyễn Phong Sắc", "Đặng Thai Mai",
    "Mai Hắc Đế", "Hermann Gmeiner", "Nguyễn Trãi", "Phạm Đình Toái", "An Dương Vương",
    "Lý Thường Kiệt", "Cao Thắng", "Phùng Chí Kiên", "Lục Niên", "Ngư Hải", "Bùi Huy Bích", "Kim Đồng",
    "Võ Thị Sáu", "Hoàng Phan Thái", "Sào Nam", "Bình Minh", "Nguyễn Huệ", "Mai An Tiêm",
]  # fmt: skip
_SHOPS = [
    "Cửa hàng tạp hóa", "Quán ăn", "Quán cà phê", "Nhà nghỉ", "Cửa hàng điện máy", "Hiệu thuốc",
    "Siêu thị mini", "Cửa hàng vật liệu xây dựng", "Tiệm vàng", "Cửa hàng xăng dầu", "Phòng khám răng",
    "Quán karaoke",
]  # fmt: skip
_COMPANIES = [
    "Công ty TNHH Thương mại", "Công ty Cổ phần Dịch vụ", "Công ty TNHH Vận tải", "Khách sạn",
    "Công ty TNHH Tư vấn Xây dựng", "Công ty Cổ phần Du lịch", "Trung tâm Thương mại",
]  # fmt: skip
_WORKSHOPS = [
    "Xưởng mộc", "Xưởng cơ khí", "Hợp tác xã Nông nghiệp", "Trạm bơm", "Xưởng may", "Cơ sở xay xát",
    "Trang trại", "Xưởng gạch", "Cơ sở chế biến hải sản", "Xưởng đá",
]  # fmt: skip
_FACTORIES = [
    "Nhà máy May", "Nhà máy Xi măng", "Công ty Cổ phần Chế biến Gỗ", "Nhà máy Gạch",
    "Công ty Cổ phần Dệt", "Nhà máy Bao bì", "Nhà máy Thức ăn chăn nuôi", "Công ty TNHH Thủy sản",
    "Nhà máy Đường",
]  # fmt: skip
_SCHOOLS = [
    "Trường Mầm non", "Trường Tiểu học", "Trường Trung học cơ sở", "Trạm Y tế",
    "Trường Trung học phổ thông",
]  # fmt: skip
_HOSPITALS = [
    "Bệnh viện Đa khoa", "Trung tâm Y tế", "Trường Cao đẳng Nghề",
]  # fmt: skip
_OFFICES = [
    "Chiếu sáng công cộng", "Ủy ban nhân dân", "Nhà văn hóa", "Chiếu sáng đường liên xã", "Trụ sở",
]  # fmt: skip
_MARKS = [
    "Lam Giang", "Hồng Lĩnh Xanh", "Sông Lam", "Ánh Dương", "Phú Thịnh", "Hương Sen", "Thanh Bình",
    "Đại Lộc", "An Phát", "Minh Quang", "Hoàng Gia Nghệ", "Việt Tâm", "Trường Sơn", "Biển Xanh",
    "Tân Tiến", "Hưng Thịnh", "Bảo Ngọc", "Thiên Phú", "Vạn Xuân", "Hải Âu", "Đồng Tâm", "Hòa Bình",
    "Ngọc Lan", "Kim Ngân", "Phương Đông",
]  # fmt: skip
_PHONE_STARTS = np.array(
    [90, 91, 94, 96, 97, 98, 86, 32, 33, 34, 35, 36, 37, 38, 39, 70, 77, 81, 82, 85], np.int64
)
_TAX_WEIGHTS = np.array([31, 29, 23, 19, 17, 13, 7, 5, 3], np.int64)

Column = Any
"""An Arrow array of strings (pyarrow has no types)."""


def _draw(rng: np.random.Generator, pool: list[str], count: int) -> Column:
    return pa.array(pool).take(pa.array(rng.integers(0, len(pool), count)))


def _join(*parts: Column | str) -> Column:
    return pc.binary_join_element_wise(*parts, "")


def digits(numbers: Ints, width: int) -> Column:
    """Return whole numbers as text with leading zeros."""
    return pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")


def person_names(rng: np.random.Generator, women: Bools) -> Column:
    """Return a full name for each person."""
    count = len(women)
    weights = np.array(list(_FAMILIES.values()), float)
    family = pa.array(list(_FAMILIES)).take(
        pa.array(rng.choice(len(weights), count, p=weights / weights.sum()))
    )
    sex = pa.array(women)
    middle = pc.if_else(sex, _draw(rng, _WOMEN_MIDDLE, count), _draw(rng, _MEN_MIDDLE, count))
    given = pc.if_else(sex, _draw(rng, _WOMEN_GIVEN, count), _draw(rng, _MEN_GIVEN, count))
    return pc.binary_join_element_wise(family, middle, given, " ")


_KINDS: dict[str, list[str]] = {
    "shop": _SHOPS,
    "company": _COMPANIES,
    "workshop": _WORKSHOPS,
    "factory": _FACTORIES,
    "school": _SCHOOLS,
    "hospital": _HOSPITALS,
    "office": _OFFICES,
}


def organisation_names(rng: np.random.Generator, who: str, communes: Column) -> Column:
    """Return a name for each organisation of a sort; public ones are named after their commune."""
    count = len(communes)
    kinds = _draw(rng, _KINDS[who], count)
    numbers = pc.cast(pa.array(rng.integers(1, 13, count)), pa.string())
    if who in ("school", "hospital", "office"):
        return _join(kinds, " ", communes, " ", numbers)
    return pc.binary_join_element_wise(kinds, _draw(rng, _MARKS, count), numbers, " ")


def addresses(rng: np.random.Generator, wards: Bools, highland: Bools) -> Column:
    """Return an address without the commune: a street in wards, a hamlet elsewhere, a village up high."""
    count = len(wards)
    text = [pc.cast(pa.array(rng.integers(1, top, count)), pa.string()) for top in (280, 40, 22)]
    house, lane, quarter = text
    in_lane = _join("Số ", house, ", ngõ ", lane, ", đường ", _draw(rng, _STREETS, count), ", khối ", quarter)
    on_street = _join("Số ", house, ", đường ", _draw(rng, _STREETS, count), ", khối ", quarter)
    town = pc.if_else(pa.array(rng.random(count) < 0.55), in_lane, on_street)
    village = pc.if_else(
        pa.array(highland), _join("Nhà ", house, ", bản ", quarter), _join("Nhà ", house, ", xóm ", quarter)
    )
    return pc.if_else(pa.array(wards), town, village)


def phones(rng: np.random.Generator, count: int) -> Column:
    """Return mobile numbers in E.164."""
    start = _PHONE_STARTS[rng.integers(0, len(_PHONE_STARTS), count)]
    return _join("+84", digits(start * 10**7 + rng.integers(10**6, 10**7, count), 9))


def id_numbers(rng: np.random.Generator, women: Bools) -> Column:
    """Return numbers of the shape of a CCCD: 040, century and sex, year, six digits."""
    count = len(women)
    years = rng.integers(1940, 2006, count)
    century = np.where(years < 2000, 0, 2) + women
    body = (century * 100 + years % 100) * 10**6 + rng.integers(0, 10**6, count)
    return _join("040", digits(body.astype(np.int64), 9))


def tax_codes(rng: np.random.Generator, count: int) -> Column:
    """Return tax codes of Nghệ An's old prefix 29 with a valid check digit."""
    body = 29 * 10**7 + rng.integers(1, 10**7, count)
    # A remainder of 0 has no digit: such a number is not given out, the next one is taken.
    while (bad := _check_digits(body) == 10).any():
        body = np.where(bad, body + 1, body)
    return digits(body * 10 + _check_digits(body), 10)


def _check_digits(body: Ints) -> Ints:
    places = body[:, None] // 10 ** np.arange(8, -1, -1) % 10
    check: Ints = 10 - (places * _TAX_WEIGHTS).sum(axis=1) % 11
    return check
