"""What fits values of any kind."""
