"""Demo data and bulk data. Invented people only; telephone numbers 555-0100 to 555-0199."""
