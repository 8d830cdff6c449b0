"""What the reference-data desk calls its tables and columns, in the reader's language.

The words stand here and not in the models: no migration changes with a word.
"""

from __future__ import annotations

from django.apps import apps
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

APPS: dict[str, Promise] = {
    "network": _("Mạng lưới"),
    "tariffs": _("Biểu giá"),
    "identity": _("Quyền truy cập"),
    "procrastinate": _("Hàng đợi công việc"),
}
TABLES: dict[str, tuple[Promise, Promise]] = {
    "network.areateam": (_("đội quản lý"), _("Các đội quản lý")),
    "network.commune": (_("xã, phường"), _("Các xã, phường")),
    "network.readingbook": (_("sổ ghi chỉ số"), _("Các sổ ghi chỉ số")),
    "tariffs.policyversion": (_("bản biểu giá"), _("Các bản biểu giá")),
    "identity.apiclient": (_("đối tác API"), _("Các đối tác API")),
    "procrastinate.procrastinatejob": (_("việc trong hàng đợi"), _("Các việc trong hàng đợi")),
}
COLUMNS: dict[str, Promise] = {
    "code": _("mã"), "name": _("tên"), "doubt": _("chỗ chưa chắc"), "kind": _("loại"),
    "area_team": _("đội quản lý"), "former_names": _("tên cũ"), "reading_day": _("ngày ghi"),
    "sha256": _("mã băm"), "distributor": _("đơn vị điện lực"), "first_used_at": _("dùng lần đầu"),
    "client_id": _("mã đối tác"), "scopes": _("quyền"), "requests_per_minute": _("lượt gọi mỗi phút"),
    "is_active": _("đang dùng"), "status": _("trạng thái"),
}  # fmt: skip


def name(model: type[Model]) -> None:
    """Give a registered model, its app and its columns the words of this desk, for the running process."""
    options = model._meta
    table = TABLES.get(options.label_lower)
    if table is None:
        return
    options.verbose_name, options.verbose_name_plural = table  # type: ignore[assignment]  # lazy words
    apps.get_app_config(options.app_label).verbose_name = APPS[options.app_label]  # type: ignore[assignment]
    for field in options.fields:
        if field.name in COLUMNS:
            field.verbose_name = COLUMNS[field.name]  # type: ignore[assignment]
