"""Outside systems behind the domain's ports; each has a sandbox twin."""
