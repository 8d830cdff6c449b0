"""Why a row came back and what to do, in the words of the person who mends the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TEXTS: dict[str, tuple[str, str]] = {
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
}
"""code → (reason, remedy); the figures in braces are those of the row and of the judgement."""


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def explain(code: str, figures: Mapping[str, Any]) -> tuple[str, str]:
    """Return reason and remedy of a code with a row's figures put in."""
    reason, remedy = TEXTS[code]
    return reason.format_map(_Blank(figures)), remedy


def raw_json(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Return the row as it was given, as JSON."""
    return json.dumps({name: row[name] for name in names}, ensure_ascii=False)
