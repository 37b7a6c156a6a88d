"""Refusals, idempotency keys, the clock, row history and happenings; no word of the domain."""
