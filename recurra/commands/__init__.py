"""Commands that need several floors at once."""
