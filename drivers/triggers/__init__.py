"""Pedals, buttons and lines that a person presses. One file, one driver, as for sources."""
