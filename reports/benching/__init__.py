"""`manage.py bench`: ours beside the limit of the same machine in the same run, alternating."""
