"""How the box speaks to its host: service manager, journal, progress of the workers."""
