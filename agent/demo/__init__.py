"""`modality-agent demo`: the main job, done by commands a user would type and checked with foreign tools."""
