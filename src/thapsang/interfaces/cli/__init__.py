"""`thapsang …` on the command line."""
