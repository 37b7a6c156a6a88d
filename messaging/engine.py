"""Claim, gate, send, record."""


def run(limit, *, loop, should_stop, now):
    return {}
