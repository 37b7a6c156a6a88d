"""Programs, units, beds, bed use, stays and placements, appointments."""
