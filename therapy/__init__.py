"""Modalities and therapy assignments."""
