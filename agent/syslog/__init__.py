"""The audit child: makes PS3.15 A.5 messages of rows and owns the socket to the repository; the core has none."""
