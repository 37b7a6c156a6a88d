"""The happening that says: this facility is invented. `seed_demo --remove` looks for it."""

MADE = "demo.made"
