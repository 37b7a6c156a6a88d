"""Outgoing messages: claim, gate, send, record; never lost and never sent twice."""
