"""Persons and where they are known, contact points, relationships, organizations, the read log."""
