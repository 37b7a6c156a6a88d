"""Users, facilities, memberships, the permission table, sign-in and sessions."""
