"""The page that answers while the service does not: what happened, whether the pictures are safe, what to do.

A process of its own on the same handed-over socket, of the standard library alone, without patients, pictures,
database or configuration. It says nothing that anybody at the door may not know.
"""
