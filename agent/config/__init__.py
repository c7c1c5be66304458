"""The configuration: one TOML file, one schema, every mistake reported at once (mission S5, S16, S17)."""
