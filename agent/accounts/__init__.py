"""Accounts for a device that is shared: who is there, how they prove it, how long it holds (security.md H1 to H4)."""
