"""Task entry points of the background worker."""
