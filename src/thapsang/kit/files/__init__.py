"""Files given to us, kept as they came."""
