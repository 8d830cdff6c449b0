"""Area teams, communes and reading books in the reference-data desk."""

from __future__ import annotations

from django.contrib import admin

from thapsang.domain.network.models import AreaTeam, Commune, ReadingBook
from thapsang.kit.audit.admin import AuditedAdmin


@admin.register(AreaTeam)
class AreaTeamAdmin(AuditedAdmin):
    """The teams, with how sure each code and name is."""

    list_display = ("code", "name", "doubt")
    search_fields = ("code", "name")


@admin.register(Commune)
class CommuneAdmin(AuditedAdmin):
    """Communes and wards, found by former names too."""

    list_display = ("code", "name", "kind", "area_team")
    list_filter = ("kind", "area_team")
    list_select_related = ("area_team",)
    search_fields = ("code", "name", "former_names")


@admin.register(ReadingBook)
class ReadingBookAdmin(AuditedAdmin):
    """Reading books and the day each is read."""

    list_display = ("code", "area_team", "reading_day")
    list_filter = ("area_team", "reading_day")
    list_select_related = ("area_team",)
    search_fields = ("code",)
