"""What crosses several apps; the transaction starts here."""
