"""What the shell around every staff page needs."""


def shell(request):
    """Context `shell`: facility, navigation by role and the user's choices; None when signed out."""
    return {"shell": None}
