"""Partners, and referrals in and out."""
