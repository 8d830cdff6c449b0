"""Area teams, communes and reading books: where things are."""
