"""Tasks: who owes what to whom by when."""
