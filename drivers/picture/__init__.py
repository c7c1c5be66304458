"""What may be done to a picture before it becomes durable (ruling: pixels are final at capture).

Pure functions on numpy arrays, one noun for each file: `convert` (pixel formats), `region` (crop and mask),
`deinterlace`, `scale` (square pixels), `judge` (is this the device's live picture at all?). numpy only,
except for JPEG, which simplejpeg reads.
"""
