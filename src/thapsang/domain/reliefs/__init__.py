"""Relief programmes from draft to granted and reversed; evidence lists; what premises are used for."""
