"""Why a file or a row came back and what to do, in the language of the person who mends it.

What is stored is a code and the figures it speaks of; the words are put to it when somebody reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Words = tuple[str, str]
"""A reason and a remedy; the figures in braces are those of the row and of the judgement."""
DEFAULT = "vi"

VIETNAMESE: dict[str, Words] = {
    "malformed": (
        "Dòng có số cột khác dòng tiêu đề.",
        "Kiểm tra dấu phân cách và dấu ngoặc kép của dòng này.",
    ),
    "no-serial": ("Số công tơ để trống.", "Điền số công tơ vào cột serial."),
    "unknown-meter": (
        "Công tơ {serial} không có trong hệ thống.",
        "Kiểm tra lại số công tơ; nếu là công tơ mới thì ghi nhận lắp đặt trước rồi nạp lại dòng này.",
    ),
    "unknown-register": (
        "Công tơ {serial} không có bộ chỉ số «{register}».",
        "Dùng một trong: total, normal, peak, offpeak, reactive — đúng với loại công tơ.",
    ),
    "not-installed": (
        "Công tơ {serial} không treo ở điểm đo nào vào ngày {read_on}.",
        "Kiểm tra ngày đọc hoặc ngày lắp, ngày tháo của công tơ.",
    ),
    "bad-date": ("Ngày «{read_on}» không đọc được.", "Ghi ngày dạng NNNN-TT-NN, ví dụ 2026-11-01."),
    "future-date": (
        "Ngày {read_on} chưa tới.",
        "Sửa lại ngày đọc; chỉ số cuối ngày 31/10 ghi là 2026-11-01.",
    ),
    "not-a-number": (
        "Chỉ số «{value}» không phải số nguyên.",
        "Ghi số nguyên, không dấu chấm, dấu phẩy hay đơn vị.",
    ),
    "negative": ("Chỉ số {value} là số âm.", "Chỉ số trên mặt công tơ không âm: đọc lại."),
    "too-many-digits": (
        "Chỉ số {value} nhiều chữ số hơn mặt số của công tơ.",
        "Đọc lại; không ghi phần thập phân. Nếu mặt số khai sai thì sửa số chữ số của công tơ.",
    ),
    "bad-quality": (
        "Ký hiệu chất lượng «{quality}» không được nhận.",
        "Để trống hoặc ghi A (đọc), C (khách báo), V (đã kiểm tra tại chỗ). Ước tính do hệ thống tự lập.",
    ),
    "bad-purpose": (
        "Mục đích «{purpose}» không được nhận.",
        "Để trống, hoặc ghi price cho chỉ số chốt ngày đổi giá.",
    ),
    "duplicate": (
        "Ngày {read_on} đã có chỉ số {other_value}, khác với {value}.",
        "Giữ số đúng. Nếu số mới đúng, sửa bằng `thapsang readings correct` kèm lý do (số cũ vẫn được lưu).",
    ),
    "backwards": (
        "Chỉ số {value} nhỏ hơn chỉ số {other_value} ngày {other_on}, và không thể là qua vòng.",
        "Đọc lại. Nếu công tơ đã thay, ghi nhận thay công tơ trước rồi nạp lại dòng này.",
    ),
    "below-estimate": (
        "Chỉ số {value} nhỏ hơn chỉ số ước tính {other_value} ngày {other_on}.",
        "Chỉ số ước tính quá cao: sửa nó bằng `thapsang readings correct`, rồi nạp lại dòng này.",
    ),
    "above-next": (
        "Chỉ số {value} lớn hơn chỉ số {other_value} đã có ngày {other_on} sau đó.",
        "Kiểm tra ngày và chỉ số; nếu chỉ số sau sai thì sửa nó trước.",
    ),
    "spike": (
        "Sản lượng {use} gấp nhiều lần mức thường thấy {usual} trong cùng số ngày.",
        "Đọc lại. Nếu đúng, ghi V (đã kiểm tra tại chỗ) vào cột quality rồi nạp lại dòng này.",
    ),
    "storm-spike": (
        "Sản lượng {use} trong {hours} giờ có điện (kỳ có mất điện diện rộng), gấp nhiều lần mức thường thấy {usual}.",
        "Đọc lại. Nếu đúng, ghi V (đã kiểm tra tại chỗ) vào cột quality rồi nạp lại dòng này.",
    ),
    "zero": (
        "Không có sản lượng, trong khi thường dùng {usual}.",
        "Kiểm tra công tơ có chạy không, khách có còn dùng điện không. Nếu đúng, ghi V vào cột quality.",
    ),
    "roll-over": (
        "Chỉ số {value} nhỏ hơn {other_value} ngày {other_on}: tính là qua vòng, sản lượng {use}.",
        "Xem lại nếu công tơ chưa thể chạy hết mặt số.",
    ),
    "file-empty": ("Tệp rỗng (0 byte).", "Xuất lại tệp từ phần mềm ghi chỉ số rồi nạp lại."),
    "file-only-header": (
        "Tệp chỉ có dòng tiêu đề, không có chỉ số nào.", "Xuất lại tệp rồi nạp lại.",
    ),
    "file-broken-parquet": (
        "Tệp Parquet bị cụt hoặc không phải Parquet ({detail}).", "Xuất hoặc tải lại tệp rồi nạp lại.",
    ),
    "file-not-utf8": ("Tệp không phải UTF-8.", "Lưu lại dạng «CSV UTF-8» rồi nạp lại."),
    "file-broken-csv": ("Không đọc được CSV ({detail}).", "Lưu lại dạng «CSV UTF-8» rồi nạp lại."),
    "file-header": (
        "Dòng tiêu đề sai — {faults}. Tiêu đề đúng: {columns} (quality, purpose được phép bỏ).",
        "Sửa dòng đầu của tệp rồi nạp lại.",
    ),
    "file-column-kind": (
        "Cột không phải chữ, số hay ngày: {columns}.",
        "Xuất lại tệp với cột chữ, số hoặc ngày rồi nạp lại.",
    ),
}  # fmt: skip

ENGLISH: dict[str, Words] = {
    "malformed": (
        "The row has more or fewer columns than the header.",
        "Check the separators and quotation marks of this row.",
    ),
    "no-serial": ("The meter's serial is empty.", "Write the meter's serial in the column serial."),
    "unknown-meter": (
        "Meter {serial} is not known.",
        "Check the serial; if the meter is new, record that it was installed, then import this row again.",
    ),
    "unknown-register": (
        "Meter {serial} has no register «{register}».",
        "Use one of: total, normal, peak, offpeak, reactive, as the meter has them.",
    ),
    "not-installed": (
        "Meter {serial} hung at no supply point on {read_on}.",
        "Check the day of the reading, or the days the meter was installed and removed.",
    ),
    "bad-date": ("The day «{read_on}» cannot be read.", "Write the day as YYYY-MM-DD, for example 2026-11-01."),
    "future-date": (
        "The day {read_on} is still to come.",
        "Mend the day; a reading at the end of 31 October is written 2026-11-01.",
    ),
    "not-a-number": (
        "The reading «{value}» is no whole number.",
        "Write a whole number without point, comma or unit.",
    ),
    "negative": ("The reading {value} is below zero.", "A dial never shows less than zero: read it again."),
    "too-many-digits": (
        "The reading {value} has more digits than the meter's dial.",
        "Read it again, without decimals. If the dial was recorded wrongly, mend the meter's number of digits.",
    ),
    "bad-quality": (
        "The quality mark «{quality}» is not one of ours.",
        "Leave it empty or write A (read), C (told by the customer), V (checked on the spot). Estimates are made here.",
    ),
    "bad-purpose": (
        "The purpose «{purpose}» is not one of ours.",
        "Leave it empty, or write price for a reading on the day a price changes.",
    ),
    "duplicate": (
        "There is a reading {other_value} for {read_on} already, and it is not {value}.",
        "Keep the right one. If the new one is right, use `thapsang readings correct` with a reason (the old stays).",
    ),
    "backwards": (
        "The reading {value} is less than the {other_value} of {other_on}, and the dial cannot have rolled over.",
        "Read it again. If the meter was replaced, record that first, then import this row again.",
    ),
    "below-estimate": (
        "The reading {value} is less than the estimate {other_value} of {other_on}.",
        "The estimate was too high: mend it by `thapsang readings correct`, then import this row again.",
    ),
    "above-next": (
        "The reading {value} is more than the {other_value} there already is for {other_on}, a later day.",
        "Check day and reading; if the later one is wrong, mend that first.",
    ),
    "spike": (
        "The use of {use} is many times the usual {usual} for so many days.",
        "Read it again. If it is right, write V (checked on the spot) in the column quality and import this row again.",
    ),
    "storm-spike": (
        "The use of {use} in {hours} hours with supply (a widespread outage fell in the period) is many times the "
        "usual {usual}.",
        "Read it again. If it is right, write V (checked on the spot) in the column quality and import this row again.",
    ),
    "zero": (
        "Nothing was used, where {usual} is usual.",
        "See whether the meter runs and the customer still uses it. If it is right, write V in the column quality.",
    ),
    "roll-over": (
        "The reading {value} is less than the {other_value} of {other_on}: taken as a roll-over, a use of {use}.",
        "Look again if the dial cannot have come round yet.",
    ),
    "file-empty": ("The file is empty (0 bytes).", "Export it again and import it again."),
    "file-only-header": ("The file has a header and no reading.", "Export it again and import it again."),
    "file-broken-parquet": (
        "The file is cut short or is no Parquet ({detail}).", "Export or fetch it again and import it again.",
    ),
    "file-not-utf8": ("The file is not UTF-8.", "Save it as “CSV UTF-8” and import it again."),
    "file-broken-csv": ("The CSV cannot be read ({detail}).", "Save it as “CSV UTF-8” and import it again."),
    "file-header": (
        "The header is wrong: {faults}. The right one: {columns} (quality and purpose may be left out).",
        "Mend the first line of the file and import it again.",
    ),
    "file-column-kind": (
        "Columns that are neither text, number nor day: {columns}.",
        "Export the file with columns of text, numbers or days and import it again.",
    ),
}  # fmt: skip

TEXTS = {"vi": VIETNAMESE, "en": ENGLISH}
HEADER_FAULTS = {
    "vi": {"missing": "thiếu cột", "unexpected": "cột lạ", "twice": "cột lặp"},
    "en": {"missing": "missing", "unexpected": "not known", "twice": "twice"},
}
"""What can be wrong with a header; the values are lists of columns."""
NAMELESS = {"vi": "(trống)", "en": "(empty)"}


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def explain(code: str, figures: Mapping[str, Any], language: str = DEFAULT) -> Words:
    """Return reason and remedy of a code, in `vi` or `en`, with a row's or a file's figures put in."""
    language = language if language in TEXTS else DEFAULT
    reason, remedy = TEXTS[language][code]
    if code == "file-header":
        figures = {**figures, "faults": _header_faults(figures, language)}
    return reason.format_map(_Blank(figures)), remedy


def _header_faults(figures: Mapping[str, Any], language: str) -> str:
    return "; ".join(
        f"{words}: {', '.join(column or NAMELESS[language] for column in figures[name])}"
        for name, words in HEADER_FAULTS[language].items()
        if figures.get(name)
    )


def told(code: str, figures: Mapping[str, Any], language: str = DEFAULT) -> str:
    """Return reason and remedy as one text."""
    return " ".join(explain(code, figures, language))
