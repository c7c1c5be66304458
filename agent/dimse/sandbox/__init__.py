"""A small RIS and a small archive on this computer, so that the box can be tried without a hospital.

Real associations over mutual TLS, Ukrainian sample patients, files on the disk. Not for patients: nothing
here is hardened against strangers. `python -m agent.dimse.sandbox FOLDER` starts both.
"""
