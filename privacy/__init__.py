"""Part 2 consents, the one function that permits a disclosure, the accounting of disclosures."""
