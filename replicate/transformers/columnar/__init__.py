"""What transformers are built of: whole columns of numbers, characters and pools at once."""
