"""The faces that a browser or a program sees: routes call one service method each and render."""
