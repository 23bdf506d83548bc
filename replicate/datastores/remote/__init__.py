"""What the stores behind a network have in common, whoever makes them."""
