"""The tool behind `make locale`: collects every text that a person can meet, and compiles the catalogues."""
