"""The alert child: tells alarms by webhook and by mail, over TLS and nothing else."""
