"""The demonstration province: Nghệ An with invented people, from a seed.

`policies/<distributor>/network/` says how it looks: area teams and communes, proportions, seasons, oddities,
and the few known people whose codes and phones `thapsang demo logins` prints.
"""

from thapsang.journeys.load_demo.load import DemoError, Loaded, load, logins, present

__all__ = ["DemoError", "Loaded", "load", "logins", "present"]
