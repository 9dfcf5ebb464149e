"""What runs inside a fresh process: one module for each kind of measurement. Nothing is imported here."""
