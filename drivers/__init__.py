"""Device drivers: one file, one driver. They know frames and signals, never patients, networks or `agent`."""
