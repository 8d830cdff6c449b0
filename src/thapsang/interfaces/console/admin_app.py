"""Django's entry for the admin, with the console's site in place of the usual one."""

from django.contrib.admin.apps import AdminConfig


class Config(AdminConfig):
    """The reference-data desk."""

    default_site = "thapsang.interfaces.console.admin_site.ConsoleSite"
